locals {
  # Settings with values from these resources, for the functions that name them. The settings of var.settings are the
  # service's rules; every function gets them.
  known_settings = {
    export_bucket     = google_storage_bucket.exports.name
    export_work_topic = "psr-export-work"
    quarantine_bucket = google_storage_bucket.quarantine.name
    signing_key       = "${google_kms_crypto_key.signing.id}/cryptoKeyVersions/1"
  }
  settings = setunion(keys(var.settings), keys(local.known_settings))

  # The settings of every function.
  common_environment = {
    FUNCTION_USE_ASGI = "true"
    # The platform sets it automatically. Without it here, every plan would remove it.
    LOG_EXECUTION_ID = "true"
    PSR_DATABASE     = google_firestore_database.register.name
    PSR_PROJECT      = var.project
  }
}

resource "google_cloudfunctions2_function" "function" {
  for_each = local.functions

  project     = var.project
  location    = var.region
  name        = each.key
  description = each.value.manifest.description

  build_config {
    runtime           = local.release.runtime
    entry_point       = each.value.manifest.entry_point
    service_account   = google_service_account.builder.id
    docker_repository = google_artifact_registry_repository.images.id

    source {
      storage_source {
        # Named by its content: an unchanged function is not built again. No `generation`, which changes in every plan.
        bucket = local.releases_bucket
        object = each.value.object
      }
    }
  }

  service_config {
    available_cpu                    = tostring(each.value.manifest.resources.cpu)
    available_memory                 = each.value.manifest.resources.memory
    timeout_seconds                  = each.value.manifest.resources.timeout_seconds
    max_instance_request_concurrency = each.value.manifest.resources.concurrency
    min_instance_count               = var.warm ? each.value.manifest.resources.min_instances : 0
    max_instance_count               = each.value.manifest.resources.max_instances
    all_traffic_on_latest_revision   = true
    service_account_email            = google_service_account.function[each.key].email

    # Pub/Sub and Scheduler of the same project count as internal. No request can bypass the front door's firewall.
    ingress_settings = (
      !contains(keys(local.http), each.key) ? "ALLOW_INTERNAL_ONLY" :
      var.front_door != null ? "ALLOW_INTERNAL_AND_GCLB" : "ALLOW_ALL"
    )

    environment_variables = merge(
      local.common_environment,
      { PSR_BUILD = each.value.sha256, PSR_FUNCTION = each.value.name },
      { for name, value in var.settings : "PSR_${upper(name)}" => value },
      { for name, value in local.known_settings : "PSR_${upper(name)}" => value if contains(each.value.manifest.settings, name) },
    )

    dynamic "secret_environment_variables" {
      for_each = local.secrets_of[each.key]

      content {
        key        = "PSR_${upper(replace(secret_environment_variables.value, "-", "_"))}"
        project_id = var.project
        secret     = "psr-${secret_environment_variables.value}"
        version    = lookup(var.secret_versions, secret_environment_variables.value, "1")
      }
    }
  }

  lifecycle {
    precondition {
      condition     = length(setsubtract(each.value.manifest.settings, local.settings)) == 0
      error_message = "${each.key} needs settings that have no value here: ${join(", ", setsubtract(each.value.manifest.settings, local.settings))}."
    }
  }

  # Building and starting fail without these.
  depends_on = [
    google_artifact_registry_repository_iam_member.builder,
    google_project_iam_member.builder,
    google_secret_manager_secret_iam_member.function,
    google_storage_bucket_iam_member.builder,
  ]
}

# The images that the platform builds from the bundles.
resource "google_artifact_registry_repository" "images" {
  # checkov:skip=CKV_GCP_84:Images hold the published code and no data; a key of our own would protect nothing.
  project       = var.project
  location      = var.region
  repository_id = "psr-functions"
  description   = "Images of the functions"
  format        = "DOCKER"

  cleanup_policies {
    id     = "old"
    action = "DELETE"

    condition {
      older_than = "7776000s"
    }
  }

  cleanup_policies {
    id     = "recent"
    action = "KEEP"

    most_recent_versions {
      keep_count = 5
    }
  }

  depends_on = [time_sleep.apis_are_usable]
}
