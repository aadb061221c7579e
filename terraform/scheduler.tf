resource "google_cloud_scheduler_job" "job" {
  for_each = local.scheduled

  project          = var.project
  region           = var.region
  name             = each.key
  description      = local.functions[each.key].manifest.description
  schedule         = each.value.cron
  time_zone        = each.value.time_zone
  attempt_deadline = "${local.functions[each.key].manifest.resources.timeout_seconds}s"

  # The default is no retry.
  retry_config {
    retry_count          = 3
    min_backoff_duration = "30s"
    max_backoff_duration = "300s"
  }

  http_target {
    http_method = "POST"
    uri         = google_cloudfunctions2_function.function[each.key].service_config[0].uri

    oidc_token {
      service_account_email = local.accounts["scheduler"]
      audience              = google_cloudfunctions2_function.function[each.key].service_config[0].uri
    }
  }

  depends_on = [google_cloud_run_service_iam_member.invoker]
}
