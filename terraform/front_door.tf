# The HTTPS entry: a global external load balancer with Cloud Armor or, with front_door.internal, a cross-region internal one.
# Its URL map is the release's front door rules (method and path, by tools/routing.py from the manifests' routes), and for
# the domain of var.pages the function that serves pages. If var.front_door is null, none of it exists.
# Port 80 stays closed: before a redirect, the token would already have crossed the network in clear.

locals {
  doors = var.front_door == null ? {} : { (var.front_door.internal == null ? "public" : "internal") = var.front_door }
  # Of the API and of the pages.
  domains = compact([try(var.front_door.domain, ""), try(var.pages.domain, "")])
  # Those that the internet reaches.
  public_doors = { for key, door in local.doors : key => door if door.internal == null }
  balancing    = length(local.public_doors) > 0 ? "EXTERNAL_MANAGED" : "INTERNAL_MANAGED"
  # Certificate Manager's have one argument, the others another.
  managed      = [for name in try(var.front_door.certificates, []) : name if strcontains(name, "/certificates/")]
  self_managed = [for name in try(var.front_door.certificates, []) : name if !strcontains(name, "/certificates/")]
  # Behind the front door: every HTTP function.
  backends        = var.front_door == null ? {} : local.http
  default_backend = replace(local.release.default_function, "_", "-")
}

resource "google_compute_region_network_endpoint_group" "function" {
  for_each = local.backends

  project = var.project
  region  = var.region
  # A new one exists before the old one is gone, so the name has a part of what replaces it.
  name                  = "${each.key}-${substr(sha256("${var.region} ${each.key}"), 0, 6)}"
  network_endpoint_type = "SERVERLESS"

  cloud_run {
    service = google_cloudfunctions2_function.function[each.key].name
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_compute_backend_service" "function" {
  for_each = local.backends

  project               = var.project
  name                  = each.key
  load_balancing_scheme = local.balancing
  protocol              = "HTTPS"
  security_policy       = one(values(google_compute_security_policy.front_door)[*].id)

  backend {
    group = google_compute_region_network_endpoint_group.function[each.key].id
  }

  log_config {
    enable      = true
    sample_rate = 1
  }
}

resource "google_compute_url_map" "front_door" {
  for_each = local.doors

  project         = var.project
  name            = "psr-front-door"
  default_service = google_compute_backend_service.function[local.default_backend].id

  host_rule {
    hosts        = [each.value.domain]
    path_matcher = "routes"
  }

  path_matcher {
    name            = "routes"
    default_service = google_compute_backend_service.function[local.default_backend].id

    dynamic "route_rules" {
      for_each = local.release.front_door

      content {
        priority = route_rules.key + 1
        service  = google_compute_backend_service.function[replace(route_rules.value.function, "_", "-")].id

        match_rules {
          full_path_match = route_rules.value.match == "full" ? route_rules.value.path : null
          prefix_match    = route_rules.value.match == "prefix" ? route_rules.value.path : null

          header_matches {
            header_name = ":method"
            exact_match = route_rules.value.method
          }
        }
      }
    }
  }

  dynamic "host_rule" {
    for_each = local.sites

    content {
      hosts        = [var.pages.domain]
      path_matcher = host_rule.value
    }
  }

  dynamic "path_matcher" {
    for_each = local.sites

    content {
      name            = path_matcher.value
      default_service = google_compute_backend_service.function[path_matcher.value].id
    }
  }
}

resource "google_compute_security_policy" "front_door" {
  # checkov:skip=CKV_GCP_73:The rule exists (priority 100); checkov does not see it next to a dynamic block.
  for_each = local.public_doors

  project     = var.project
  name        = "psr-front-door"
  description = "Limits the requests of one address. No signature rules: they take names and notes of customers for attacks, and every body is validated."
  type        = "CLOUD_ARMOR"

  adaptive_protection_config {
    layer_7_ddos_defense_config {
      enable = true
    }
  }

  # Log4Shell: cheap to refuse, and scanners check for this rule.
  rule {
    action      = "deny(403)"
    priority    = 100
    description = "Known exploits of logging libraries"

    match {
      expr {
        expression = "evaluatePreconfiguredWaf('cve-canary')"
      }
    }
  }

  dynamic "rule" {
    for_each = length(each.value.unlimited_ranges) > 0 ? [each.value.unlimited_ranges] : []

    content {
      action      = "allow"
      priority    = 200
      description = "Own back ends, which send for many users from few addresses"

      match {
        versioned_expr = "SRC_IPS_V1"

        config {
          src_ip_ranges = rule.value
        }
      }
    }
  }

  rule {
    action      = "throttle"
    priority    = 1000
    description = "Requests of one address"

    match {
      versioned_expr = "SRC_IPS_V1"

      config {
        src_ip_ranges = ["*"]
      }
    }

    rate_limit_options {
      conform_action = "allow"
      exceed_action  = "deny(429)"
      enforce_on_key = "IP"

      rate_limit_threshold {
        count        = each.value.requests_per_minute
        interval_sec = 60
      }
    }
  }

  rule {
    action      = "allow"
    priority    = 2147483647
    description = "Everything else"

    match {
      versioned_expr = "SRC_IPS_V1"

      config {
        src_ip_ranges = ["*"]
      }
    }
  }

  depends_on = [time_sleep.apis_are_usable]
}

# One for each domain: adding a domain leaves the certificates of the others as they are.
resource "google_compute_managed_ssl_certificate" "front_door" {
  for_each = toset(length(try(var.front_door.certificates, ["none"])) == 0 ? local.domains : [])

  project = var.project
  name    = "psr-${substr(sha256(each.key), 0, 8)}"

  managed {
    domains = [each.key]
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [time_sleep.apis_are_usable]
}

resource "google_compute_ssl_policy" "front_door" {
  for_each = local.doors

  project         = var.project
  name            = "psr-front-door"
  profile         = "RESTRICTED"
  min_tls_version = "TLS_1_2"

  depends_on = [time_sleep.apis_are_usable]
}

resource "google_compute_target_https_proxy" "front_door" {
  for_each = local.doors

  project                          = var.project
  name                             = "psr-front-door"
  url_map                          = google_compute_url_map.front_door[each.key].id
  ssl_certificates                 = concat([for certificate in google_compute_managed_ssl_certificate.front_door : certificate.id], local.self_managed)
  certificate_manager_certificates = length(local.managed) > 0 ? local.managed : null
  ssl_policy                       = google_compute_ssl_policy.front_door[each.key].id
}

resource "google_compute_global_address" "front_door" {
  for_each = local.public_doors

  project = var.project
  name    = "psr-front-door"

  depends_on = [time_sleep.apis_are_usable]
}

resource "google_compute_global_forwarding_rule" "front_door" {
  for_each = local.doors

  project               = var.project
  name                  = "psr-front-door"
  load_balancing_scheme = local.balancing
  ip_address            = try(google_compute_global_address.front_door[each.key].id, null)
  network               = try(each.value.internal.network, null)
  subnetwork            = try(each.value.internal.subnetwork, null)
  port_range            = "443"
  target                = google_compute_target_https_proxy.front_door[each.key].id
}
