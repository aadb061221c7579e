# One account per function, with only the permissions in its manifest; invokers; the account that builds.

locals {
  # Every permission that a manifest can have. A permission that ends in ":" needs the name of a topic or a secret.
  permissions = ["exports.write", "firestore.read", "firestore.write", "kms.sign", "pubsub.publish:", "quarantine.erase", "quarantine.write", "secret:"]

  firestore_roles = {
    "firestore.read"  = "roles/datastore.viewer"
    "firestore.write" = "roles/datastore.user"
  }

  # Creating does not include overwriting. Reading is for an object that an earlier attempt wrote.
  create_and_read = ["roles/storage.objectCreator", "roles/storage.objectViewer"]

  buckets = {
    "exports.write"    = { name = google_storage_bucket.exports.name, roles = local.create_and_read }
    "quarantine.erase" = { name = google_storage_bucket.quarantine.name, roles = ["roles/storage.objectUser"] }
    "quarantine.write" = { name = google_storage_bucket.quarantine.name, roles = local.create_and_read }
  }
}


resource "google_service_account" "function" {
  for_each = local.functions

  project      = var.project
  account_id   = "psr-${each.key}"
  display_name = "PSR function ${each.key}"
  description  = each.value.manifest.description

  lifecycle {
    precondition {
      condition = alltrue([
        for permission in each.value.manifest.permissions :
        anytrue([for known in local.permissions : endswith(known, ":") ? startswith(permission, known) : permission == known])
      ])
      error_message = "${each.key} asks for a permission that terraform/iam.tf does not know."
    }
  }

  depends_on = [time_sleep.apis_are_usable]
}

# The smallest scope of a Firestore right is one database.
resource "google_project_iam_member" "firestore" {
  for_each = { for key, grant in local.grants : key => grant if contains(keys(local.firestore_roles), grant.permission) }

  project = var.project
  role    = local.firestore_roles[each.value.permission]
  member  = google_service_account.function[each.value.function].member

  condition {
    title      = "Only the register's database"
    expression = "resource.name == \"projects/${var.project}/databases/${google_firestore_database.register.name}\""
  }
}

resource "google_storage_bucket_iam_member" "function" {
  for_each = merge([
    for key, grant in local.grants : {
      for role in local.buckets[grant.permission].roles : "${key} ${role}" => merge(grant, { role = role })
    } if contains(keys(local.buckets), grant.permission)
  ]...)

  bucket = local.buckets[each.value.permission].name
  role   = each.value.role
  member = google_service_account.function[each.value.function].member
}

resource "google_pubsub_topic_iam_member" "publisher" {
  for_each = { for key, grant in local.grants : key => grant if startswith(grant.permission, "pubsub.publish:") }

  project = var.project
  topic   = google_pubsub_topic.topic[trimprefix(each.value.permission, "pubsub.publish:")].name
  role    = "roles/pubsub.publisher"
  member  = google_service_account.function[each.value.function].member
}

resource "google_kms_crypto_key_iam_member" "signer" {
  for_each = { for key, grant in local.grants : key => grant if grant.permission == "kms.sign" }

  crypto_key_id = google_kms_crypto_key.signing.id
  role          = "roles/cloudkms.signerVerifier"
  member        = google_service_account.function[each.value.function].member
}

# Invokers. The right to call a function is a right on its Cloud Run service; the function's own policy has no effect.
resource "google_service_account" "invoker" {
  for_each = {
    push      = "Pub/Sub push subscriptions"
    scheduler = "Cloud Scheduler jobs"
  }

  project      = var.project
  account_id   = "psr-${each.key}-invoker"
  display_name = "PSR: calls functions for ${each.value}"

  depends_on = [time_sleep.apis_are_usable]
}

locals {
  # Browsers hold no Google token, and the functions check the token of each caller. So every caller that passes the
  # ingress may call HTTP functions.
  invokers = {
    for key, function in local.functions : key => (
      contains(keys(local.pubsub), key) ? google_service_account.invoker["push"].member :
      contains(keys(local.scheduled), key) ? google_service_account.invoker["scheduler"].member : "allUsers"
    )
  }
}

resource "google_cloud_run_service_iam_member" "invoker" {
  # checkov:skip=CKV_GCP_102:HTTP functions authenticate their callers themselves (OIDC); browsers hold no Google token.
  for_each = local.functions

  project  = var.project
  location = var.region
  service  = google_cloudfunctions2_function.function[each.key].name
  role     = "roles/run.invoker"
  member   = local.invokers[each.key]

  lifecycle {
    # A replaced function loses its policy.
    replace_triggered_by = [google_cloudfunctions2_function.function[each.key].id]
  }
}

# Builds images. The default compute account has almost all rights or, in new organisations, none.
resource "google_service_account" "builder" {
  project      = var.project
  account_id   = "psr-builder"
  display_name = "PSR: builds the functions' images"

  depends_on = [time_sleep.apis_are_usable]
}

resource "google_project_iam_member" "builder" {
  for_each = {
    logs = { role = "roles/logging.logWriter", condition = null }
    # The platform copies the bundle into this bucket of its own. The first function creates the bucket.
    sources = {
      role      = "roles/storage.objectViewer"
      condition = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-\")"
    }
  }

  project = var.project
  role    = each.value.role
  member  = google_service_account.builder.member

  dynamic "condition" {
    for_each = each.value.condition[*]

    content {
      title      = "Only the functions' sources"
      expression = condition.value
    }
  }
}

resource "google_storage_bucket_iam_member" "builder" {
  bucket = local.releases_bucket
  role   = "roles/storage.objectViewer"
  member = google_service_account.builder.member
}

resource "google_artifact_registry_repository_iam_member" "builder" {
  project    = var.project
  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.builder.member
}
