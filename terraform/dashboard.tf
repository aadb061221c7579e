# The dashboard: dashboard.yaml's table of charts, laid out three to a row.

locals {
  # A chart for each function that it is for.
  charts = flatten([
    for chart in yamldecode(file("${path.module}/dashboard.yaml")) : [
      for function in local.functions_by_kind[chart.per] : {
        title  = templatestring(chart.title, local.words[function])
        limits = try([chart.limit], [])
        lines  = { for legend, query in chart.lines : legend => templatestring(query, local.words[function]) }
      }
    ]
  ])

  # In the columns and rows that Cloud Monitoring divides a dashboard into.
  dashboard_columns = 48
  chart_width       = 16
  chart_height      = 14
}

resource "google_monitoring_dashboard" "service" {
  project = var.project

  dashboard_json = jsonencode({
    displayName = "PSR ${var.environment}"
    mosaicLayout = {
      columns = local.dashboard_columns
      tiles = [
        # The server leaves zeros and empty lists out, so a plan would show them as a change each time.
        for index, chart in local.charts : merge(
          { for axis, place in {
            xPos = index * local.chart_width % local.dashboard_columns
            yPos = floor(index * local.chart_width / local.dashboard_columns) * local.chart_height
          } : axis => place if place > 0 },
          {
            width  = local.chart_width
            height = local.chart_height
            widget = {
              title = chart.title
              xyChart = merge(
                {
                  dataSets = [
                    for legend, query in chart.lines : {
                      legendTemplate  = legend
                      plotType        = "LINE"
                      timeSeriesQuery = { prometheusQuery = query }
                    }
                  ]
                },
                { for name, limits in { thresholds = chart.limits } : name => [for limit in limits : { value = limit }] if length(limits) > 0 },
              )
            }
          },
        )
      ]
    }
  })

  depends_on = [google_logging_metric.metric]
}
