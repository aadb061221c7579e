# Logs stay in the region. The project's _Default bucket is global, so the functions' logs have their own buckets.

locals {
  function_logs = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=(${join(" OR ", [for key in keys(local.functions) : "\"${key}\""])})"
  access_logs   = "jsonPayload.event=(\"REGISTRATIONS_READ\" OR \"ACCESS_REFUSED\")"

  log_buckets = {
    # The access log. It is kept long; where data is real, nobody can shorten its retention.
    psr-access  = { days = var.access_log_days, locked = var.protected, filter = "${local.function_logs} AND ${local.access_logs}" }
    psr-service = { days = var.log_days, locked = var.protected, filter = "${local.function_logs} AND NOT ${local.access_logs}" }
  }
}

resource "google_logging_project_bucket_config" "logs" {
  for_each = local.log_buckets

  project        = var.project
  location       = var.region
  bucket_id      = each.key
  retention_days = each.value.days
  locked         = each.value.locked

  depends_on = [time_sleep.apis_are_usable]
}

resource "google_logging_project_sink" "logs" {
  for_each = local.log_buckets

  project                = var.project
  name                   = each.key
  destination            = "logging.googleapis.com/${google_logging_project_bucket_config.logs[each.key].id}"
  filter                 = each.value.filter
  unique_writer_identity = true
}

resource "google_logging_project_exclusion" "default" {
  project     = var.project
  name        = "psr-functions"
  description = "The functions' logs are in buckets of their own"
  filter      = local.function_logs

  # No entry is lost between the two.
  depends_on = [google_logging_project_sink.logs]
}
