# The resources that the first release needs and that outlive every release: the bucket of Terraform's state, the bucket
# of releases, the identity key's secret, and the account that deploys. A person applies this once per project.

terraform {
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 7.0"
    }
    time = {
      source  = "hashicorp/time"
      version = "~> 0.13"
    }
  }
}

variable "deployers" {
  description = "Members that may act as the deployer account: `group:…`, `user:…`."
  type        = set(string)
  default     = []
}

variable "environment" {
  description = "Name of the environment's folder, `dev` or `prod`."
  type        = string
}

variable "project" {
  description = "Google Cloud project id."
  type        = string
}

variable "region" {
  description = "Region of the buckets, the secret and the builds."
  type        = string
  default     = "europe-west2"
}

variable "repository" {
  description = "Cloud Build repository (2nd gen), projects/…/locations/…/connections/…/repositories/…, whose commits are built. Null: people make releases."
  type        = string
  default     = null
}

provider "google" {
  project = var.project
  region  = var.region
}

resource "google_project_service" "api" {
  for_each = toset([
    "cloudbuild.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "secretmanager.googleapis.com",
    "serviceusage.googleapis.com",
    "storage.googleapis.com",
  ])

  project            = var.project
  service            = each.key
  disable_on_destroy = false
}

# Enabling an API returns before the API can be used.
resource "time_sleep" "apis_are_usable" {
  create_duration = "60s"

  depends_on = [google_project_service.api]
}

resource "google_storage_bucket" "bucket" {
  # checkov:skip=CKV_GCP_62:Every read and write is in the Data Access audit log.
  for_each = {
    # Terraform's state: every version, to restore a broken one from the version before.
    state = { kept_for_seconds = null }
    # Bundles, release files and plans: written once, so that a release never changes.
    releases = { kept_for_seconds = 2592000 }
  }

  project                     = var.project
  name                        = "${var.project}-psr-${each.key}"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  versioning {
    enabled = each.value.kept_for_seconds == null
  }

  dynamic "retention_policy" {
    for_each = each.value.kept_for_seconds[*]

    content {
      retention_period = tostring(retention_policy.value)
    }
  }

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [time_sleep.apis_are_usable]
}

# Every document id depends on this key. People make its value and escrow it; Terraform never does.
resource "google_secret_manager_secret" "identity_key" {
  project             = var.project
  secret_id           = "psr-identity-key"
  deletion_protection = true

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  depends_on = [time_sleep.apis_are_usable]
}

resource "google_service_account" "deployer" {
  project      = var.project
  account_id   = "psr-deployer"
  display_name = "PSR: deploys releases"

  depends_on = [time_sleep.apis_are_usable]
}

locals {
  # The roles that terraform/ needs. No basic role, but it can grant roles, so guard it like an owner.
  deployer_roles = toset([
    "roles/artifactregistry.admin",
    "roles/cloudfunctions.admin",
    "roles/cloudkms.admin",
    "roles/cloudscheduler.admin",
    "roles/compute.loadBalancerAdmin",
    "roles/compute.securityAdmin",
    "roles/datastore.owner",
    "roles/iam.serviceAccountAdmin",
    "roles/iam.serviceAccountUser",
    "roles/logging.admin",
    "roles/monitoring.admin",
    "roles/pubsub.admin",
    "roles/resourcemanager.projectIamAdmin",
    "roles/run.admin",
    "roles/secretmanager.admin",
    "roles/serviceusage.serviceUsageAdmin",
    "roles/storage.admin",
  ])
}

resource "google_project_iam_member" "deployer" {
  # checkov:skip=CKV_GCP_41:Functions, subscriptions and jobs run as accounts that the deployer makes in this project.
  # checkov:skip=CKV_GCP_42:The deployer makes these accounts and their grants; nobody else has these roles.
  # checkov:skip=CKV_GCP_49:It must be able to attach the functions' accounts to the functions.
  for_each = local.deployer_roles

  project = var.project
  role    = each.key
  member  = google_service_account.deployer.member
}

resource "google_service_account_iam_member" "deployers" {
  for_each = var.deployers

  service_account_id = google_service_account.deployer.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = each.key
}

# Two triggers of one pipeline (cloudbuild.yaml). The first runs for every commit on main and ends with a plan; in dev it
# also applies the plan. The second applies a plan that a person has read and approved.
resource "google_cloudbuild_trigger" "release" {
  for_each = var.repository == null ? {} : { release = true }

  project         = var.project
  location        = var.region
  name            = "psr-release"
  description     = "Check, bundle, upload and plan${var.environment == "prod" ? "" : "; then apply"}"
  filename        = "cloudbuild.yaml"
  service_account = google_service_account.deployer.id

  substitutions = {
    _APPLY       = var.environment == "prod" ? "later" : "now"
    _ENVIRONMENT = var.environment
  }

  repository_event_config {
    repository = var.repository

    push {
      branch = "^main$"
    }
  }
}

resource "google_cloudbuild_trigger" "apply" {
  for_each = var.repository == null ? {} : { apply = true }

  project         = var.project
  location        = var.region
  name            = "psr-apply"
  description     = "Apply the saved plan _PLAN, after approval"
  service_account = google_service_account.deployer.id

  substitutions = {
    _APPLY       = "saved"
    _ENVIRONMENT = var.environment
  }

  approval_config {
    approval_required = true
  }

  source_to_build {
    repository = var.repository
    ref        = "refs/heads/main"
    repo_type  = "UNKNOWN"
  }

  git_file_source {
    path       = "cloudbuild.yaml"
    repository = var.repository
    revision   = "refs/heads/main"
    repo_type  = "UNKNOWN"
  }
}

output "buckets" {
  description = "The buckets of Terraform's state and of the releases."
  value       = { for key, bucket in google_storage_bucket.bucket : key => bucket.name }
}

output "deployer" {
  description = "The account that deploys."
  value       = google_service_account.deployer.email
}
