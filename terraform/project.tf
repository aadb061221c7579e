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

# Google's own accounts of these services. A service makes its agent at its first use; these must exist before that, because
# grants name them. An agent that is made on request has no role until it gets one.
locals {
  agent_roles = merge(
    {
      "firestore.googleapis.com" = "roles/firestore.serviceAgent"
      "pubsub.googleapis.com"    = "roles/pubsub.serviceAgent"
    },
    var.encryption_key == null ? {} : {
      "artifactregistry.googleapis.com" = "roles/artifactregistry.serviceAgent"
      "cloudfunctions.googleapis.com"   = "roles/cloudfunctions.serviceAgent"
      "run.googleapis.com"              = "roles/run.serviceAgent"
    },
  )
  agents = { for service, agent in google_project_service_identity.agent : service => agent.member }
}

resource "google_project_service_identity" "agent" {
  for_each = local.agent_roles
  provider = google-beta

  project = var.project
  service = each.key

  depends_on = [time_sleep.apis_are_usable]
}

resource "google_project_iam_member" "agent" {
  # checkov:skip=CKV_GCP_49:These are the default roles of Google's own agents.
  for_each = local.agent_roles

  project = var.project
  role    = each.value
  member  = local.agents[each.key]
}

# A grant is effective some minutes after it was made (cloud.google.com/iam/docs/access-change-propagation). Builds, starts
# and deliveries that come earlier fail. Most grants are effective after two minutes; if one is not, apply again.
resource "time_sleep" "grants_are_effective" {
  create_duration = "120s"
  triggers        = { grants = sha256(join(" ", sort(keys(local.grants)))) }

  depends_on = [
    google_artifact_registry_repository_iam_member.builder,
    google_kms_crypto_key_iam_member.agent,
    google_kms_crypto_key_iam_member.signer,
    google_project_iam_member.agent,
    google_project_iam_member.builder,
    google_project_iam_member.firestore,
    google_pubsub_topic_iam_member.publisher,
    google_secret_manager_secret_iam_member.function,
    google_service_account_iam_member.attach,
    google_service_account_iam_member.push_tokens,
    google_storage_bucket_iam_member.builder,
    google_storage_bucket_iam_member.function,
  ]
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
