locals {
  # Settings with values from these resources, for the functions that name them. The settings of var.settings are the
  # service's rules; every function gets them.
  known_settings = {
    export_bucket        = google_storage_bucket.exports.name
    export_work_topic    = "psr-export-work"
    pages_address        = var.pages == null ? null : "https://${var.pages.domain}"
    pages_api            = var.front_door == null ? null : "https://${var.front_door.domain}"
    pages_client_id      = try(var.pages.client_id, null)
    pages_issuer         = try(var.pages.issuer, null)
    pages_return_origins = try(join(" ", var.pages.return_origins), null)
    quarantine_bucket    = google_storage_bucket.quarantine.name
    signing_key          = "${google_kms_crypto_key.signing.id}/cryptoKeyVersions/1"
  }
  settings = setunion(keys(var.settings), keys(local.known_settings))

  http_ingress = (
    var.front_door == null ? "ALLOW_ALL" :
    var.front_door.internal == null ? "ALLOW_INTERNAL_AND_GCLB" : "ALLOW_INTERNAL_ONLY"
  )

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

  project      = var.project
  location     = var.region
  name         = each.key
  description  = each.value.manifest.description
  kms_key_name = var.encryption_key

  build_config {
    runtime           = local.release.runtime
    entry_point       = each.value.manifest.entry_point
    service_account   = "projects/${var.project}/serviceAccounts/${local.accounts["builder"]}"
    worker_pool       = var.build_pool
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
    service_account_email            = local.accounts[each.key]

    # Pub/Sub and Scheduler of the same project count as internal. No request can bypass the front door's firewall.
    ingress_settings = !contains(keys(local.http), each.key) ? "ALLOW_INTERNAL_ONLY" : local.http_ingress

    # Every call leaves through the subnetwork, so that its rules hold for all of them.
    direct_vpc_egress = var.egress == null ? null : "VPC_EGRESS_ALL_TRAFFIC"

    dynamic "direct_vpc_network_interface" {
      for_each = var.egress[*]

      content {
        network    = direct_vpc_network_interface.value.network
        subnetwork = direct_vpc_network_interface.value.subnetwork
      }
    }

    environment_variables = merge(
      local.common_environment,
      { PSR_BUILD = each.value.sha256, PSR_FUNCTION = each.value.name },
      { for name, value in var.settings : "PSR_${upper(name)}" => value },
      { for name, value in local.known_settings : "PSR_${upper(name)}" => value if contains(each.value.manifest.settings, name) && value != "" },
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

  # Building and starting fail without the grants.
  depends_on = [time_sleep.grants_are_effective]
}

# The images that the platform builds from the bundles.
resource "google_artifact_registry_repository" "images" {
  # checkov:skip=CKV_GCP_84:A key of our own is an option (var.encryption_key).
  project       = var.project
  location      = var.region
  repository_id = "psr-functions"
  description   = "Images of the functions"
  format        = "DOCKER"
  kms_key_name  = var.encryption_key

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

  depends_on = [google_kms_crypto_key_iam_member.agent, time_sleep.agents_use_the_key, time_sleep.apis_are_usable]
}
