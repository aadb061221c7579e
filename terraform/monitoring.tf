# Alerts (alerts.yaml, a table with the reason for each window) over the platform's metrics and over one of ours: how
# often each event of the log catalogue was logged. Functions export no metrics themselves.

locals {
  functions_by_kind = {
    dead_letters = [for key, trigger in local.pubsub : key if trigger.topic == local.dead_letter_topic]
    http         = keys(local.http)
    pubsub       = keys(local.pubsub)
    schedule     = keys(local.scheduled)
    service      = ["the service"]
  }

  windows = { for key, trigger in local.scheduled : key => startswith(trigger.cron, "*") ? "3h" : "25h" }

  # "backlog consume-migration" => its alert
  alerts = merge([
    for name, alert in yamldecode(file("${path.module}/alerts.yaml")) : {
      for function in local.functions_by_kind[alert.per] : trimsuffix("${name} ${function}", " the service") => merge(alert, {
        name    = name
        summary = replace(alert.summary, "$function", function)
        query   = replace(replace(alert.query, "$function", function), "$window", lookup(local.windows, function, ""))
      })
    }
  ]...)
}

resource "google_logging_metric" "events" {
  project     = var.project
  name        = "psr_events"
  description = "How often each event of the catalogue (shared/log.py) was logged"
  filter      = "${local.function_logs} AND jsonPayload.event:*"

  label_extractors = {
    event    = "EXTRACT(jsonPayload.event)"
    function = "EXTRACT(resource.labels.service_name)"
    problem  = "EXTRACT(jsonPayload.problem)"
  }

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"

    dynamic "labels" {
      for_each = ["event", "function", "problem"]

      content {
        key = labels.value
      }
    }
  }

  depends_on = [time_sleep.apis_are_usable]
}

resource "google_monitoring_notification_channel" "email" {
  for_each = var.alert_emails

  project      = var.project
  display_name = "PSR ${var.environment}: ${each.key}"
  type         = "email"
  labels       = { email_address = each.key }

  depends_on = [time_sleep.apis_are_usable]
}

resource "google_monitoring_alert_policy" "alert" {
  for_each = local.alerts

  project               = var.project
  display_name          = "PSR ${var.environment}: ${each.value.summary}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.id]

  conditions {
    display_name = each.value.name

    condition_prometheus_query_language {
      query               = trimspace(each.value.query)
      duration            = each.value.for
      evaluation_interval = "60s"
      # Some of these metrics come into being with the first event.
      disable_metric_validation = true
    }
  }

  documentation {
    subject   = each.value.summary
    mime_type = "text/markdown"
    content   = "${each.value.summary} ${each.value.because} What to do: `docs/runbooks/${each.value.name}.md`."
  }

  depends_on = [google_logging_metric.events]
}
