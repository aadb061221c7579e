# The resources that the first release needs and that outlive every release: the buckets of Terraform's state and of releases,
# the secrets. A person who owns the project applies this. accounts.tf has the rights, pipeline.tf the triggers.

terraform {
  required_version = ">= 1.11"

  # As in ../versions.tf.
  backend "gcs" {}

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 7.12"
    }
    google-beta = {
      source  = "hashicorp/google-beta"
      version = "~> 7.12"
    }
    time = {
      source  = "hashicorp/time"
      version = "~> 0.13"
    }
  }
}

provider "google" {
  project        = var.project
  region         = var.region
  default_labels = var.labels
}

provider "google-beta" {
  project        = var.project
  region         = var.region
  default_labels = var.labels
}

resource "google_project_service" "api" {
  for_each = toset([
    "artifactregistry.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudkms.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "secretmanager.googleapis.com",
    "serviceusage.googleapis.com",
    "storage.googleapis.com",
    "sts.googleapis.com",
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

# Terraform's state is in this bucket from the first command on, so gcloud makes it (docs/deploy.md) and Terraform adopts it.
import {
  to = google_storage_bucket.bucket["state"]
  id = "${var.project}-psr-state"
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
      is_locked        = var.lock_retention
    }
  }

  dynamic "encryption" {
    for_each = var.encryption_key[*]

    content {
      default_kms_key_name = encryption.value
    }
  }

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [time_sleep.agents_use_the_key]
}

# People make the values of these secrets; Terraform never sees one. Every document id depends on the identity key, which has to
# be escrowed.
resource "google_secret_manager_secret" "secret" {
  for_each = toset(concat(["identity-key"], var.pages == null ? [] : ["pages-client-secret", "pages-session-keys"]))

  project             = var.project
  secret_id           = "psr-${each.key}"
  deletion_protection = each.key == "identity-key"

  replication {
    user_managed {
      replicas {
        location = var.region

        dynamic "customer_managed_encryption" {
          for_each = var.encryption_key[*]

          content {
            kms_key_name = customer_managed_encryption.value
          }
        }
      }
    }
  }

  depends_on = [time_sleep.agents_use_the_key]
}

# A key of your own: these agents use it. Those of terraform/ get it there.
data "google_storage_project_service_account" "agent" {
  for_each = toset(var.encryption_key[*])

  project = var.project

  depends_on = [time_sleep.apis_are_usable]
}

resource "google_project_service_identity" "secrets" {
  for_each = toset(var.encryption_key[*])
  provider = google-beta

  project = var.project
  service = "secretmanager.googleapis.com"

  depends_on = [time_sleep.apis_are_usable]
}

resource "google_kms_crypto_key_iam_member" "agent" {
  for_each = var.encryption_key == null ? {} : {
    secrets = google_project_service_identity.secrets[var.encryption_key].member
    storage = data.google_storage_project_service_account.agent[var.encryption_key].member
  }

  crypto_key_id = var.encryption_key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = each.value
}

# Grants are effective some minutes after they were made; without a key of your own there is nothing to wait for.
resource "time_sleep" "agents_use_the_key" {
  create_duration = var.encryption_key == null ? "0s" : "120s"

  depends_on = [google_kms_crypto_key_iam_member.agent, time_sleep.apis_are_usable]
}

# Signs release files and plans. Only the planner may use it (accounts.tf), so a signature says: the pipeline made this.
resource "google_kms_key_ring" "pipeline" {
  project  = var.project
  name     = "psr-pipeline"
  location = var.region

  depends_on = [time_sleep.apis_are_usable]
}

resource "google_kms_crypto_key" "releases" {
  # checkov:skip=CKV_GCP_43:Asymmetric keys cannot be rotated by Cloud KMS; a new version is a decision.
  name                       = "releases"
  key_ring                   = google_kms_key_ring.pipeline.id
  purpose                    = "ASYMMETRIC_SIGN"
  destroy_scheduled_duration = "2592000s"

  version_template {
    algorithm        = "RSA_SIGN_PKCS1_3072_SHA256"
    protection_level = "SOFTWARE"
  }

  lifecycle {
    prevent_destroy = true
  }
}

# The image in which the pipeline's steps run.
resource "google_artifact_registry_repository" "pipeline" {
  # checkov:skip=CKV_GCP_84:The image holds published programs and no data.
  project       = var.project
  location      = var.region
  repository_id = "psr-pipeline"
  description   = "The builder of the pipeline"
  format        = "DOCKER"

  depends_on = [time_sleep.apis_are_usable]
}

output "buckets" {
  description = "The buckets of Terraform's state and of the releases."
  value       = { for key, bucket in google_storage_bucket.bucket : key => bucket.name }
}

output "accounts" {
  description = "The pipeline's accounts."
  value       = local.emails
}
