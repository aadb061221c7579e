# The project itself: the APIs that must be enabled, and the service agents that get grants.

locals {
  apis = toset([
    "artifactregistry.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudkms.googleapis.com",
    "cloudscheduler.googleapis.com",
    "compute.googleapis.com",
    "firestore.googleapis.com",
    "iam.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "storage.googleapis.com",
  ])
}

resource "google_project_service" "api" {
  for_each = local.apis

  project            = var.project
  service            = each.key
  disable_on_destroy = false
}

# Enabling an API returns before the API can be used.
resource "time_sleep" "apis_are_usable" {
  create_duration = "60s"
  triggers        = { apis = join(",", local.apis) }

  depends_on = [google_project_service.api]
}

# Service agents are created at their API's first use. These must exist before they get grants.
resource "google_project_service_identity" "agent" {
  for_each = toset(["firestore.googleapis.com", "pubsub.googleapis.com"])
  provider = google-beta

  project = var.project
  service = each.key

  depends_on = [time_sleep.apis_are_usable]
}

data "google_storage_project_service_account" "agent" {
  project = var.project

  depends_on = [time_sleep.apis_are_usable]
}

# Reads and writes of data through Google's APIs, by service account. The functions' access log has the callers.
# Uses of keys are always logged: the alert keys_used reads that log.
resource "google_project_iam_audit_config" "data_access" {
  for_each = toset(var.audit_data_access ? ["allServices"] : ["cloudkms.googleapis.com", "secretmanager.googleapis.com"])

  project = var.project
  service = each.key

  dynamic "audit_log_config" {
    for_each = ["ADMIN_READ", "DATA_READ", "DATA_WRITE"]

    content {
      log_type = audit_log_config.value
    }
  }
}
