# One account per function, with only the permissions in its manifest; invokers; the account that builds; people.

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

  # The accounts by their parts, which a plan knows: it shows who gets what.
  accounts = {
    for key, account in merge(google_service_account.function, google_service_account.invoker, { builder = google_service_account.builder }) :
    key => "${account.account_id}@${account.project}.iam.gserviceaccount.com"
  }
  members = { for key, email in local.accounts : key => "serviceAccount:${email}" }
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
  member  = local.members[each.value.function]

  condition {
    title      = local.register_only.title
    expression = local.register_only.expression
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
  member = local.members[each.value.function]
}

resource "google_pubsub_topic_iam_member" "publisher" {
  for_each = { for key, grant in local.grants : key => grant if startswith(grant.permission, "pubsub.publish:") }

  project = var.project
  topic   = google_pubsub_topic.topic[trimprefix(each.value.permission, "pubsub.publish:")].name
  role    = "roles/pubsub.publisher"
  member  = local.members[each.value.function]
}

resource "google_kms_crypto_key_iam_member" "signer" {
  for_each = { for key, grant in local.grants : key => grant if grant.permission == "kms.sign" }

  crypto_key_id = google_kms_crypto_key.signing.id
  role          = "roles/cloudkms.signerVerifier"
  member        = local.members[each.value.function]
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
      contains(keys(local.pubsub), key) ? local.members["push"] :
      contains(keys(local.scheduled), key) ? local.members["scheduler"] : "allUsers"
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

# To make a function, a subscription or a job, an account needs the right to attach its account. The deployer may attach these.
resource "google_service_account_iam_member" "attach" {
  for_each = local.accounts

  service_account_id = "projects/${var.project}/serviceAccounts/${each.value}"
  role               = "roles/iam.serviceAccountUser"
  member             = "serviceAccount:psr-deployer@${var.project}.iam.gserviceaccount.com"
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
  member  = local.members["builder"]

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
  member = local.members["builder"]
}

resource "google_artifact_registry_repository_iam_member" "builder" {
  project    = var.project
  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.repository_id
  role       = "roles/artifactregistry.writer"
  member     = local.members["builder"]
}

# People who operate the service, with the rights that the commands of `psr` need.
resource "google_project_iam_custom_role" "operator" {
  project     = var.project
  role_id     = "psrOperator"
  title       = "PSR operator"
  description = "Run, pause and resume jobs; see functions, subscriptions, metrics and logs. No data"

  permissions = [
    "cloudfunctions.functions.get",
    "cloudfunctions.functions.list",
    "cloudscheduler.jobs.enable",
    "cloudscheduler.jobs.get",
    "cloudscheduler.jobs.list",
    "cloudscheduler.jobs.pause",
    "cloudscheduler.jobs.run",
    "logging.logEntries.list",
    "logging.views.access",
    "logging.views.list",
    "monitoring.dashboards.get",
    "monitoring.dashboards.list",
    "monitoring.timeSeries.list",
    "pubsub.subscriptions.get",
    "pubsub.subscriptions.list",
    "pubsub.topics.get",
    "pubsub.topics.list",
    "run.services.get",
    "run.services.list",
  ]

  depends_on = [time_sleep.apis_are_usable]
}

locals {
  register_only = {
    title      = "Only the register's database"
    expression = "resource.name == \"projects/${var.project}/databases/${var.database}\""
  }
  operator_roles = {
    jobs     = { role = "projects/${var.project}/roles/${google_project_iam_custom_role.operator.role_id}", condition = null }
    register = { role = "roles/datastore.user", condition = local.register_only }
  }
}

resource "google_project_iam_member" "operator" {
  for_each = merge([
    for member in var.operators : { for name, grant in local.operator_roles : "${name} ${member}" => merge(grant, { member = member }) }
  ]...)

  project = var.project
  role    = each.value.role
  member  = each.value.member

  dynamic "condition" {
    for_each = each.value.condition[*]

    content {
      title      = condition.value.title
      expression = condition.value.expression
    }
  }
}

resource "google_storage_bucket_iam_member" "operator" {
  for_each = merge([
    for member in var.operators : {
      "exports ${member}"    = { bucket = google_storage_bucket.exports.name, role = "roles/storage.objectViewer", member = member }
      "quarantine ${member}" = { bucket = google_storage_bucket.quarantine.name, role = "roles/storage.objectUser", member = member }
    }
  ]...)

  bucket = each.value.bucket
  role   = each.value.role
  member = each.value.member
}

resource "google_pubsub_topic_iam_member" "operator" {
  for_each = { for pair in setproduct(local.topics, var.operators) : join(" ", pair) => { topic = pair[0], member = pair[1] } }

  project = var.project
  topic   = google_pubsub_topic.topic[each.value.topic].name
  role    = "roles/pubsub.publisher"
  member  = each.value.member
}

# Systems that collect the exported files: a recipient's own files, and the files that say whether a day is complete, which
# hold no personal data. Names of objects hold none either.
resource "google_storage_bucket_iam_member" "export_reader" {
  for_each = merge([
    for recipient, members in var.export_readers : {
      for member in members : "${recipient} ${member}" => { recipient = recipient, member = member }
    }
  ]...)

  bucket = google_storage_bucket.exports.name
  role   = "roles/storage.objectViewer"
  member = each.value.member

  dynamic "condition" {
    for_each = each.value.recipient == "all" ? [] : [split("/", each.value.recipient)]

    content {
      title = "Only the files of ${each.value.recipient}"
      expression = join(" || ", [
        "resource.type == \"storage.googleapis.com/Bucket\"",
        "resource.name.extract(\"/${condition.value[0]}/{recipient}-\") == \"${condition.value[1]}\"",
        "resource.name.endsWith(\"/released\")",
        "resource.name.endsWith(\"/manifest.json\")",
        "resource.name.endsWith(\"/manifest.json.sig\")",
      ])
    }
  }
}
