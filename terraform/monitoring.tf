# Alerts (alerts.yaml, a table with the reason for each window) and a dashboard (dashboard.tf) over the platform's metrics
# and over metrics of our own, counted from the functions' logs. Functions export no metrics themselves.

locals {
  monitoring = yamldecode(file("${path.module}/alerts.yaml"))

  functions_by_kind = {
    consumers    = keys(local.with_dead_letters)
    dead_letters = setsubtract(keys(local.pubsub), keys(local.with_dead_letters))
    http         = keys(local.http)
    schedule     = keys(local.scheduled)
    service      = ["the service"]
    front_door   = var.front_door == null ? [] : ["the service"]
    domain       = var.front_door == null ? [] : concat(["the service"], local.sites)
  }

  # The values of names with a dollar in these tables, by function.
  words = {
    for key in concat(keys(local.functions), ["the service"]) : key => merge(
      {
        accounts  = join(" OR ", [for name in keys(local.functions) : "\"${local.accounts[name]}\""])
        domain    = try(contains(local.sites, key) ? var.pages.domain : var.front_door.domain, "")
        function  = key
        functions = join("|", keys(local.functions))
        jobs      = join("|", keys(local.scheduled))
        # As a number, 20261203: the morning after the first exported day's night. Before it, "absent" means nothing.
        started = formatdate("YYYYMMDD", timeadd("${var.settings.export_first_day}T00:00:00Z", "48h"))
        topic   = try(local.pubsub[key].topic, "")
        window  = try(startswith(local.scheduled[key].cron, "*"), false) ? "30m" : "25h"
      },
      [
        for name, objective in local.monitoring.objectives : {
          "${name}_bad"    = templatestring(objective.bad, { function = key })
          "${name}_all"    = templatestring(objective.all, { function = key })
          "${name}_budget" = objective.budget
        }
      ]...
    )
  }

  # "errors fast" => the PromQL condition that the objective's budget is used at that rate
  burns = merge([
    for name, objective in local.monitoring.objectives : {
      for speed, windows in local.monitoring.burns : "${name} ${speed}" => join("or ", [
        for window in windows : templatestring(local.monitoring.burn, merge(objective, window))
      ])
    }
  ]...)

  # "backlog consume-migration" => its alert; either query or log is null
  alerts = merge([
    for name, alert in local.monitoring.alerts : {
      for function in local.functions_by_kind[alert.per] : trimsuffix("${name} ${function}", " the service") => {
        name     = name
        because  = can(alert.objective) ? "Promised: ${local.monitoring.objectives[alert.objective].promise}. ${alert.because}" : alert.because
        duration = try(alert.for, null)
        interval = try(alert.every, "60s")
        log      = try(templatestring(alert.log, local.words[function]), null)
        query = (
          can(alert.log) ? null :
          can(alert.query) ? templatestring(alert.query, local.words[function]) :
          templatestring(local.burns["${alert.objective} ${alert.burns}"], local.words[function])
        )
        severity = alert.severity
        summary  = templatestring(alert.summary, local.words[function])
      }
    }
  ]...)

  # Labels are codes and groups of callers, never personal data (docs/privacy.md).
  metrics = {
    psr_events = {
      description = "How often each event of the catalogue (shared/log.py) was logged"
      filter      = "jsonPayload.event:*"
      labels      = { event = "jsonPayload.event", function = "resource.labels.service_name", problem = "jsonPayload.problem" }
      value       = null
    }
    psr_registrations_read = {
      description = "How many registrations callers were shown"
      filter      = "jsonPayload.event=\"REGISTRATIONS_READ\""
      labels      = { caller_group = "jsonPayload.caller_group", caller_kind = "jsonPayload.caller_kind" }
      value       = "jsonPayload.registrations"
    }
    psr_slow_requests = {
      description = "How many requests took longer than promised"
      filter      = "jsonPayload.event=\"REQUEST_SERVED\" AND jsonPayload.milliseconds>${local.monitoring.objectives.latency.slow_milliseconds}"
      labels      = { function = "resource.labels.service_name" }
      value       = null
    }
  }
}

resource "google_logging_metric" "metric" {
  for_each = local.metrics

  project          = var.project
  name             = each.key
  description      = each.value.description
  filter           = "${local.function_logs} AND ${each.value.filter}"
  label_extractors = { for label, field in each.value.labels : label => "EXTRACT(${field})" }
  value_extractor  = each.value.value == null ? null : "EXTRACT(${each.value.value})"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = each.value.value == null ? "INT64" : "DISTRIBUTION"

    dynamic "labels" {
      for_each = each.value.labels

      content {
        key = labels.key
      }
    }
  }

  # The server's own buckets. Left out, every plan would remove them.
  dynamic "bucket_options" {
    for_each = each.value.value == null ? [] : [{ growth_factor = 2, num_finite_buckets = 64, scale = 0.01 }]

    content {
      exponential_buckets {
        growth_factor      = bucket_options.value.growth_factor
        num_finite_buckets = bucket_options.value.num_finite_buckets
        scale              = bucket_options.value.scale
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
  notification_channels = concat([for channel in google_monitoring_notification_channel.email : channel.id], tolist(var.notification_channels))

  conditions {
    display_name = each.key

    dynamic "condition_prometheus_query_language" {
      for_each = each.value.query[*]

      content {
        query               = trimspace(condition_prometheus_query_language.value)
        duration            = each.value.duration
        evaluation_interval = each.value.interval
        # Some of these metrics exist only after the first event.
        disable_metric_validation = true
      }
    }

    dynamic "condition_matched_log" {
      for_each = each.value.query == null ? [each.value.log] : []

      content {
        filter = trimspace(condition_matched_log.value)
      }
    }
  }

  # All matching entries of an hour are one notification.
  dynamic "alert_strategy" {
    for_each = each.value.query == null ? [each.value.log] : []

    content {
      auto_close = "86400s"

      notification_rate_limit {
        period = "3600s"
      }
    }
  }

  documentation {
    subject   = each.value.summary
    mime_type = "text/markdown"
    content   = "${each.value.summary} ${each.value.because} What to do: `docs/runbooks/${each.value.name}.md`."
  }

  depends_on = [google_logging_metric.metric]
}

# The whole way of a caller, from outside: DNS, certificate, load balancer, function, Firestore. From three continents.
resource "google_monitoring_uptime_check_config" "front_door" {
  for_each = toset(length(local.public_doors) > 0 ? local.domains : [])

  project      = var.project
  display_name = "PSR ${var.environment}: ${each.key}"
  period       = "60s"
  timeout      = "10s"

  http_check {
    path         = "/_status"
    port         = 443
    use_ssl      = true
    validate_ssl = true
  }

  monitored_resource {
    type   = "uptime_url"
    labels = { host = each.key, project_id = var.project }
  }

  depends_on = [time_sleep.apis_are_usable]
}
