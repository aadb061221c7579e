# Logs stay in the region and are kept as docs/privacy.md says. The project's _Default bucket is global and keeps everything for
# 30 days, so these logs have their own buckets. (Cloud Audit Logs of administration stay in _Required, 400 days, by Google.)

locals {
  function_logs = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=(${join(" OR ", [for key in keys(local.functions) : "\"${key}\""])})"
  access_logs   = "jsonPayload.event=(\"REGISTRATIONS_READ\" OR \"ACCESS_REFUSED\")"
  audit_logs    = "log_id(\"cloudaudit.googleapis.com/data_access\")"
  key_logs      = "protoPayload.serviceName=(\"secretmanager.googleapis.com\" OR \"cloudkms.googleapis.com\")"
  door_logs     = "resource.type=\"http_load_balancer\" AND resource.labels.url_map_name=\"psr-front-door\""

  log_buckets = merge(
    {
      # The access log: who read which registrations.
      psr-access = { days = var.access_log_days, filter = "${local.function_logs} AND ${local.access_logs}" }
      # Reads of data, keys included, through Google's APIs instead.
      psr-audit   = { days = var.access_log_days, filter = local.audit_logs }
      psr-service = { days = var.log_days, filter = "${local.function_logs} AND NOT ${local.access_logs}" }
    },
    # Addresses of callers, and URLs.
    var.front_door == null ? {} : { psr-front-door = { days = var.log_days, filter = local.door_logs } },
  )
}

resource "google_logging_project_bucket_config" "logs" {
  for_each = local.log_buckets

  project        = var.project
  location       = var.region
  bucket_id      = each.key
  retention_days = each.value.days
  locked         = var.lock_retention

  dynamic "cmek_settings" {
    for_each = var.encryption_key[*]

    content {
      kms_key_name = cmek_settings.value
    }
  }

  depends_on = [time_sleep.agents_use_the_key, time_sleep.apis_are_usable]
}

resource "google_logging_project_sink" "logs" {
  for_each = local.log_buckets

  project                = var.project
  name                   = each.key
  destination            = "logging.googleapis.com/projects/${var.project}/locations/${var.region}/buckets/${google_logging_project_bucket_config.logs[each.key].bucket_id}"
  filter                 = each.value.filter
  unique_writer_identity = true
}

# Entries of the buckets above are not in _Default as well, except uses of keys: the alert keys_used is on single entries, which Cloud
# Monitoring does not see if they are excluded.
resource "google_logging_project_exclusion" "default" {
  project     = var.project
  name        = "psr-functions"
  description = "These logs are in buckets of their own"
  filter      = join(" OR ", [for filter in [local.function_logs, "${local.audit_logs} AND NOT ${local.key_logs}", local.door_logs] : "(${filter})"])

  # No entry is lost between the two.
  depends_on = [google_logging_project_sink.logs]
}
