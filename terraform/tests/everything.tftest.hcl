# Rules for every function, subscription and job. They need no cloud: the providers are mocked.
# The release is the one of the last `nox -s bundle`, so `nox -s terraform` bundles first.

mock_provider "google" {
  override_during = plan

  mock_resource "google_cloudfunctions2_function" {
    defaults = {
      service_config = { uri = "https://function.example" }
    }
  }

  mock_resource "google_kms_crypto_key" {
    defaults = {
      id = "projects/psr-test/locations/europe-west2/keyRings/psr/cryptoKeys/export-manifests"
    }
  }
}

mock_provider "google-beta" {
  override_during = plan

  mock_resource "google_project_service_identity" {
    defaults = {
      member = "serviceAccount:agent@example.iam.gserviceaccount.com"
    }
  }
}

mock_provider "time" {}

variables {
  environment = "test"
  project     = "psr-test"
  protected   = true
  release     = "../dist/release.json"
  warm        = true

  lock_retention = true

  front_door = {
    domain           = "psr.example.org"
    unlimited_ranges = ["192.0.2.0/24"]
  }

  pages = {
    domain         = "priority.example.org"
    issuer         = "https://login.example.org/"
    client_id      = "psr-pages"
    return_origins = ["https://www.example.org", "https://app.example.org"]
  }

  settings = {
    export_first_day = "2026-12-01"
    supplier_mpid    = "SUPP"
    token_audience   = "psr-api"
    token_issuer     = "https://login.example.org/"
    token_jwks_uri   = "https://login.example.org/jwks.json"
  }
}

run "functions" {
  command = plan

  assert {
    condition     = length(google_cloudfunctions2_function.function) == length(local.release.functions)
    error_message = "Each function of the release is deployed."
  }

  assert {
    condition = alltrue([
      for key, function in google_cloudfunctions2_function.function :
      function.build_config[0].runtime == "python313" && function.build_config[0].source[0].storage_source[0].object == local.functions[key].object
    ])
    error_message = "Each function runs its bundle of the release."
  }

  assert {
    condition     = alltrue([for function in google_cloudfunctions2_function.function : function.build_config[0].service_account != null])
    error_message = "No function is built by the default account."
  }

  assert {
    condition = alltrue([
      for key, account in google_service_account.function : account.account_id == "psr-${key}" && length(account.account_id) <= 30
    ]) && length(google_service_account.function) == length(google_cloudfunctions2_function.function)
    error_message = "Each function has its own account."
  }

  assert {
    condition = alltrue([
      for key, function in google_cloudfunctions2_function.function :
      function.service_config[0].ingress_settings == (contains(keys(local.http), key) ? "ALLOW_INTERNAL_AND_GCLB" : "ALLOW_INTERNAL_ONLY")
    ])
    error_message = "HTTP functions are reached through the front door only, the others by Google's services only."
  }

  assert {
    condition = alltrue([
      for key, function in google_cloudfunctions2_function.function : alltrue([
        for name, value in {
          FUNCTION_USE_ASGI = "true"
          LOG_EXECUTION_ID  = "true"
          PSR_BUILD         = local.functions[key].sha256
          PSR_DATABASE      = "psr-register"
          PSR_FUNCTION      = local.functions[key].name
          PSR_PROJECT       = "psr-test"
        } : function.service_config[0].environment_variables[name] == value
      ])
    ])
    error_message = "Each function has its name, project and database as settings."
  }

  assert {
    condition = alltrue(flatten([
      for key, function in google_cloudfunctions2_function.function : [
        for name in local.functions[key].manifest.settings :
        try(length(function.service_config[0].environment_variables["PSR_${upper(name)}"]) > 0, false)
      ]
    ]))
    error_message = "Each function gets the settings that its manifest names."
  }

  assert {
    condition = alltrue([
      for key, function in google_cloudfunctions2_function.function :
      length(setintersection(keys(function.service_config[0].environment_variables), ["PSR_IDENTITY_KEY", "PSR_PAGES_CLIENT_SECRET", "PSR_PAGES_SESSION_KEYS", "PSR_SIMULATED_CLOCK"])) == 0
    ])
    error_message = "No secret is in plain settings, and production has no simulated clock."
  }

  assert {
    condition = alltrue([
      for key, function in google_cloudfunctions2_function.function :
      toset([for secret in function.service_config[0].secret_environment_variables : "secret:${trimprefix(secret.secret, "psr-")}"]) == toset([for permission in local.functions[key].manifest.permissions : permission if startswith(permission, "secret:")])
    ])
    error_message = "Each function gets the secrets in its manifest and no other."
  }

  assert {
    condition = alltrue([
      for key, function in google_cloudfunctions2_function.function :
      tonumber(function.service_config[0].available_cpu) >= 1 && function.service_config[0].timeout_seconds <= 600 &&
      (!contains(keys(local.http), key) || function.service_config[0].max_instance_request_concurrency >= 20)
    ])
    error_message = "HTTP functions serve many requests at a time, which takes a whole CPU, and no request outlives a day's close."
  }

  assert {
    condition = alltrue([
      for key, binding in google_cloud_run_service_iam_member.invoker :
      binding.role == "roles/run.invoker" && (binding.member == "allUsers") == contains(keys(local.http), key)
    ])
    error_message = "Only HTTP functions may be called by everyone; the others by their invoker."
  }
}

run "grants" {
  command = plan

  assert {
    condition = length(local.grants) == (
      length(google_project_iam_member.firestore) +
      length([for grant in values(local.grants) : grant if contains(keys(local.buckets), grant.permission)]) +
      length(google_pubsub_topic_iam_member.publisher) + length(google_kms_crypto_key_iam_member.signer) + length(google_secret_manager_secret_iam_member.function)
    )
    error_message = "Each permission of a manifest is one grant, and there are no others."
  }

  assert {
    condition = length(google_storage_bucket_iam_member.function) == sum([
      for grant in values(local.grants) : try(length(local.buckets[grant.permission].roles), 0)
    ])
    error_message = "A permission on a bucket is its roles, and there are no others."
  }

  assert {
    condition = alltrue([
      for grant in google_project_iam_member.firestore :
      contains(["roles/datastore.user", "roles/datastore.viewer"], grant.role) && strcontains(grant.condition[0].expression, "databases/psr-register")
    ])
    error_message = "The only project-wide right of a function is to the register's database."
  }
}

run "messages" {
  command = plan

  assert {
    condition = alltrue([
      for topic in google_pubsub_topic.topic : topic.message_storage_policy[0].allowed_persistence_regions == toset(["europe-west2"])
    ])
    error_message = "Messages stay in the region."
  }

  assert {
    condition = toset(keys(google_pubsub_subscription.push)) == toset([
      for name, function in local.release.functions : replace(name, "_", "-") if can(function.manifest.trigger.pubsub)
    ])
    error_message = "Each consumer has its subscription."
  }

  assert {
    condition = alltrue([
      for subscription in google_pubsub_subscription.push :
      subscription.expiration_policy[0].ttl == "" && subscription.ack_deadline_seconds == 600 && subscription.message_retention_duration == "604800s"
    ])
    error_message = "Subscriptions never expire, wait for slow functions, and keep messages for a week."
  }

  assert {
    condition = alltrue([
      for subscription in google_pubsub_subscription.push :
      subscription.retry_policy[0].minimum_backoff == "10s" && subscription.retry_policy[0].maximum_backoff == "600s"
    ])
    error_message = "A refused message is delivered again later, not at once."
  }

  assert {
    condition = alltrue([
      for subscription in google_pubsub_subscription.push :
      subscription.push_config[0].push_endpoint == "https://function.example" &&
      subscription.push_config[0].oidc_token[0].audience == subscription.push_config[0].push_endpoint &&
      subscription.push_config[0].oidc_token[0].service_account_email == "psr-push-invoker@psr-test.iam.gserviceaccount.com"
    ])
    error_message = "Pushes carry a token for the function's own address."
  }

  assert {
    condition = alltrue([
      for key, subscription in google_pubsub_subscription.push :
      length(subscription.dead_letter_policy) == (local.pubsub[key].topic == "psr-dead-letters" ? 0 : 1) &&
      alltrue([for policy in subscription.dead_letter_policy : policy.max_delivery_attempts == 20])
    ])
    error_message = "Each consumer dead-letters a message after 20 attempts, except the consumer of the dead letters."
  }

  assert {
    condition     = anytrue([for trigger in values(local.pubsub) : trigger.topic == "psr-dead-letters"])
    error_message = "The dead-letter topic has a subscription: without one its messages are lost."
  }

  assert {
    condition = (
      google_pubsub_topic_iam_member.dead_letters.role == "roles/pubsub.publisher" &&
      alltrue([for grant in google_pubsub_subscription_iam_member.dead_letters : grant.role == "roles/pubsub.subscriber"]) &&
      length(google_pubsub_subscription_iam_member.dead_letters) == length([for subscription in google_pubsub_subscription.push : true if length(subscription.dead_letter_policy) == 1])
    )
    error_message = "Pub/Sub's agent has both grants that dead-lettering needs."
  }
}

run "schedules" {
  command = plan

  assert {
    condition = toset(keys(google_cloud_scheduler_job.job)) == toset([
      for name, function in local.release.functions : replace(name, "_", "-") if can(function.manifest.trigger.schedule)
    ])
    error_message = "Each scheduled function has its job."
  }

  assert {
    condition = alltrue([
      for key, job in google_cloud_scheduler_job.job :
      job.time_zone == (key == "replay-parked" ? "Etc/UTC" : "Europe/London") &&
      job.retry_config[0].retry_count >= 3 &&
      job.attempt_deadline == "${local.functions[key].manifest.resources.timeout_seconds}s"
    ])
    error_message = "Jobs keep their time zone (London; the retry of parked messages runs every minute, in UTC), are retried, and are not cut off before the function is."
  }

  assert {
    condition = alltrue([
      for job in google_cloud_scheduler_job.job :
      job.http_target[0].oidc_token[0].audience == job.http_target[0].uri
    ])
    error_message = "Calls carry a token for the function's own address."
  }
}

run "data" {
  command = plan

  assert {
    condition = (
      google_firestore_database.register.delete_protection_state == "DELETE_PROTECTION_ENABLED" &&
      google_firestore_database.register.point_in_time_recovery_enablement == "POINT_IN_TIME_RECOVERY_ENABLED" &&
      google_firestore_database.register.location_id == "europe-west2"
    )
    error_message = "The database is protected, can be read as it was in the last week, and is in London."
  }

  assert {
    condition     = toset([for schedule in google_firestore_backup_schedule.backup : schedule.retention]) == toset(["604800s", "8467200s"])
    error_message = "There is a daily backup for a week and a weekly one for 14 weeks."
  }

  assert {
    condition     = alltrue([for key, field in google_firestore_field.field : length(field.index_config[0].indexes) == 0 if endswith(key, " state")])
    error_message = "The state, which holds health data, is in no index."
  }

  assert {
    condition     = [for key, field in google_firestore_field.field : key if length(field.ttl_config) == 1] == ["export_feed expires_at"]
    error_message = "The export feed expires, and nothing else does."
  }

  assert {
    condition = (
      google_storage_bucket.exports.uniform_bucket_level_access && google_storage_bucket.exports.public_access_prevention == "enforced" &&
      length(google_storage_bucket.exports.versioning) == 0 && google_storage_bucket.exports.retention_policy[0].retention_period == "2592000" &&
      google_storage_bucket.exports.retention_policy[0].is_locked && !google_storage_bucket.exports.force_destroy
    )
    error_message = "Exported files are private, cannot be overwritten for 30 days, which nobody can shorten, and have no second copy."
  }

  assert {
    condition     = alltrue([for bucket in google_logging_project_bucket_config.logs : bucket.locked && bucket.location == "europe-west2"])
    error_message = "Logs stay in the region, and once locked nobody can shorten their retention."
  }
}

run "logs" {
  command = plan

  assert {
    condition = alltrue([
      strcontains(google_logging_project_sink.logs["psr-audit"].filter, "cloudaudit.googleapis.com/data_access"),
      strcontains(google_logging_project_sink.logs["psr-front-door"].filter, "http_load_balancer"),
      google_logging_project_bucket_config.logs["psr-audit"].retention_days == 400,
      google_logging_project_bucket_config.logs["psr-front-door"].location == "europe-west2",
      strcontains(google_logging_project_exclusion.default.filter, "cloudaudit.googleapis.com/data_access"),
      strcontains(google_logging_project_exclusion.default.filter, "http_load_balancer"),
    ])
    error_message = "Audit logs of data and the load balancer's logs are kept in the region, as long as documented, and not in _Default."
  }
}

run "pages" {
  command = plan

  assert {
    condition = alltrue([
      for key in local.sites :
      [for permission in local.functions[key].manifest.permissions : permission if !startswith(permission, "secret:pages-")] == [] &&
      [for grant in google_project_iam_member.firestore : grant if grant.member == local.members[key]] == []
    ]) && length(local.sites) == 1
    error_message = "Pages may read their own secrets, and neither the register nor the identity key."
  }

  assert {
    condition = alltrue([
      for key in local.sites : alltrue([
        for name, value in {
          PSR_PAGES_ADDRESS        = "https://priority.example.org"
          PSR_PAGES_API            = "https://psr.example.org"
          PSR_PAGES_RETURN_ORIGINS = "https://www.example.org https://app.example.org"
        } : google_cloudfunctions2_function.function[key].service_config[0].environment_variables[name] == value
      ])
    ])
    error_message = "Pages know their own address, that of the API, and where they may return a customer to."
  }

  assert {
    condition = {
      for rule in google_compute_url_map.front_door["public"].host_rule : rule.path_matcher => rule.hosts
    } == merge({ routes = toset(["psr.example.org"]) }, { for key in local.sites : key => toset(["priority.example.org"]) })
    error_message = "The API and the pages have their own domains at the front door."
  }

  assert {
    condition = (
      { for key, one in google_compute_managed_ssl_certificate.front_door : key => one.managed[0].domains } == { for domain in local.domains : domain => tolist([domain]) } &&
      toset(keys(google_monitoring_uptime_check_config.front_door)) == toset(["psr.example.org", "priority.example.org"])
    )
    error_message = "Both domains have a certificate and an uptime check."
  }

  assert {
    condition = alltrue([
      for key in local.sites : alltrue([
        for name in ["certificate_expires", "errors", "errors_slow", "front_door_down", "latency", "latency_slow"] : contains(keys(local.alerts), "${name} ${key}")
      ])
    ])
    error_message = "Pages have the alerts of an HTTP function and of a domain."
  }
}

run "no_pages" {
  command = plan

  variables {
    pages = null
  }

  assert {
    condition = length(google_cloudfunctions2_function.function) == length([
      for function in values(local.release.functions) : function if !can(function.manifest.trigger.pages)
    ]) && length(google_cloudfunctions2_function.function) == length(local.release.functions) - 1
    error_message = "Without pages their function is not deployed."
  }

  assert {
    condition = (
      length(google_compute_url_map.front_door["public"].host_rule) == 1 && length(google_compute_url_map.front_door["public"].path_matcher) == 1 &&
      keys(google_monitoring_uptime_check_config.front_door) == ["psr.example.org"]
    )
    error_message = "Without pages nothing is left of their domain."
  }

  assert {
    condition     = length([for key in keys(local.alerts) : key if endswith(key, "pages")]) == 0
    error_message = "Without pages none of their alerts are left."
  }
}

run "pages_without_a_front_door" {
  command = plan

  variables {
    front_door = null
  }

  expect_failures = [var.pages]
}

run "front_door" {
  command = plan

  assert {
    condition     = toset(keys(google_compute_backend_service.function)) == toset(keys(local.http))
    error_message = "Each HTTP function is behind the front door."
  }

  assert {
    condition = alltrue([
      for backend in google_compute_backend_service.function : backend.load_balancing_scheme == "EXTERNAL_MANAGED" && backend.log_config[0].enable
    ])
    error_message = "Backends are those of an external load balancer and are logged."
  }

  assert {
    condition = length(google_compute_url_map.front_door["public"].path_matcher[0].route_rules) == length(local.release.front_door) && alltrue([
      for index, rule in google_compute_url_map.front_door["public"].path_matcher[0].route_rules :
      rule.match_rules[0].header_matches[0].exact_match == local.release.front_door[index].method &&
      coalesce(rule.match_rules[0].full_path_match, rule.match_rules[0].prefix_match) == local.release.front_door[index].path
    ])
    error_message = "The URL map is the release's front door."
  }

  assert {
    condition     = google_compute_ssl_policy.front_door["public"].min_tls_version == "TLS_1_2" && google_compute_global_forwarding_rule.front_door["public"].port_range == "443"
    error_message = "Only HTTPS, TLS 1.2 or later."
  }

  assert {
    condition = [
      for rule in google_compute_security_policy.front_door["public"].rule : rule.rate_limit_options[0].rate_limit_threshold[0].count if rule.action == "throttle"
    ] == [600]
    error_message = "One address may send 600 requests a minute."
  }
}

run "alerts" {
  command = plan

  assert {
    condition = alltrue([
      for key in keys(local.functions) : anytrue([for alert in values(local.alerts) : strcontains(coalesce(alert.query, alert.log), "\"${key}\"")])
    ])
    error_message = "Each function has an alert."
  }

  assert {
    condition = alltrue([
      for alert in google_monitoring_alert_policy.alert :
      length(alert.conditions[0].condition_prometheus_query_language) + length(alert.conditions[0].condition_matched_log) == 1 &&
      length(alert.alert_strategy) == length(alert.conditions[0].condition_matched_log)
    ])
    error_message = "Each alert has one condition, and those of single log entries, which need it, have a limit on messages."
  }

  assert {
    condition = alltrue([
      for alert in values(local.alerts) : !can(regex("[$][{]", join(" ", [alert.summary, coalesce(alert.query, alert.log)])))
    ])
    error_message = "Every word in a query has its value."
  }

  assert {
    condition     = strcontains(google_monitoring_alert_policy.alert["keys_used"].conditions[0].condition_matched_log[0].filter, "\"psr-lookup@psr-test.iam.gserviceaccount.com\"")
    error_message = "Only the functions' accounts may use keys unnoticed."
  }

  assert {
    condition = alltrue([
      for metric in google_logging_metric.metric :
      toset([for label in metric.metric_descriptor[0].labels : label.key]) == toset(keys(metric.label_extractors)) &&
      (metric.metric_descriptor[0].value_type == "DISTRIBUTION") == (metric.value_extractor != null)
    ])
    error_message = "Metrics declare the labels that they extract."
  }

  assert {
    condition     = length(jsondecode(google_monitoring_dashboard.service.dashboard_json).mosaicLayout.tiles) == length(local.charts)
    error_message = "Each chart is on the dashboard."
  }

  assert {
    condition = length(distinct([
      for tile in jsondecode(google_monitoring_dashboard.service.dashboard_json).mosaicLayout.tiles : "${try(tile.xPos, 0)} ${try(tile.yPos, 0)}"
    ])) == length(local.charts)
    error_message = "No chart overlaps another."
  }

  assert {
    condition     = keys(google_project_iam_audit_config.data_access) == ["allServices"]
    error_message = "Every read of data is logged, keys included."
  }
}

run "development" {
  command = plan

  variables {
    audit_data_access = false
    front_door        = null
    pages             = null
    lock_retention    = false
    protected         = false
    warm              = false
  }

  assert {
    condition     = length(google_compute_global_forwarding_rule.front_door) + length(google_compute_backend_service.function) + length(google_compute_security_policy.front_door) == 0
    error_message = "Without a front door none of its resources exist."
  }

  assert {
    condition = alltrue([
      for key, function in google_cloudfunctions2_function.function :
      function.service_config[0].min_instance_count == 0 &&
      function.service_config[0].ingress_settings == (contains(keys(local.http), key) ? "ALLOW_ALL" : "ALLOW_INTERNAL_ONLY")
    ])
    error_message = "Functions scale to zero and have their own addresses; consumers and jobs stay internal."
  }

  assert {
    condition     = google_firestore_database.register.delete_protection_state == "DELETE_PROTECTION_DISABLED" && google_storage_bucket.exports.force_destroy
    error_message = "A trial can be removed."
  }

  assert {
    condition     = alltrue([for bucket in google_logging_project_bucket_config.logs : !bucket.locked])
    error_message = "Locks, which cannot be undone, exist only where a value asks for them."
  }

  assert {
    condition     = keys(google_project_iam_audit_config.data_access) == ["cloudkms.googleapis.com", "secretmanager.googleapis.com"]
    error_message = "Uses of keys are always logged."
  }
}

run "own_encryption_key" {
  command = plan

  variables {
    encryption_key = "projects/psr-test/locations/europe-west2/keyRings/own/cryptoKeys/own"
  }

  assert {
    condition = (
      google_firestore_database.register.cmek_config[0].kms_key_name == var.encryption_key &&
      google_storage_bucket.exports.encryption[0].default_kms_key_name == var.encryption_key &&
      alltrue([for topic in google_pubsub_topic.topic : topic.kms_key_name == var.encryption_key]) &&
      alltrue([for function in google_cloudfunctions2_function.function : function.kms_key_name == var.encryption_key]) &&
      alltrue([for bucket in google_logging_project_bucket_config.logs : bucket.cmek_settings[0].kms_key_name == var.encryption_key]) &&
      google_artifact_registry_repository.images.kms_key_name == var.encryption_key &&
      toset(keys(google_kms_crypto_key_iam_member.agent)) == setunion(keys(local.agent_roles), ["logging"])
    )
    error_message = "Everything that can be encrypted with the key is, and the agents may use it."
  }
}

run "a_database_id_that_firestore_refuses" {
  command = plan

  variables {
    database = "psr"
  }

  expect_failures = [var.database]
}

run "private" {
  command = plan

  variables {
    build_pool = "projects/psr-test/locations/europe-west2/workerPools/psr"
    egress     = { network = "projects/psr-test/global/networks/psr", subnetwork = "projects/psr-test/regions/europe-west2/subnetworks/psr" }
    front_door = {
      domain       = "psr.example.org"
      certificates = ["projects/psr-test/locations/global/certificates/psr"]
      internal     = { network = "projects/psr-test/global/networks/psr", subnetwork = "projects/psr-test/regions/europe-west2/subnetworks/psr" }
    }
    labels = { cost-centre = "psr" }
  }

  assert {
    condition = alltrue([
      for function in google_cloudfunctions2_function.function :
      function.service_config[0].ingress_settings == "ALLOW_INTERNAL_ONLY" && function.service_config[0].direct_vpc_egress == "VPC_EGRESS_ALL_TRAFFIC" &&
      function.build_config[0].worker_pool == var.build_pool
    ])
    error_message = "No function takes calls from the internet, calls out past the network's rules, or is built outside the pool."
  }

  assert {
    condition = (
      google_compute_global_forwarding_rule.front_door["internal"].load_balancing_scheme == "INTERNAL_MANAGED" &&
      length(google_compute_security_policy.front_door) + length(google_compute_global_address.front_door) + length(google_compute_managed_ssl_certificate.front_door) == 0
    )
    error_message = "The front door is internal, with the certificate that exists."
  }
}

run "people" {
  command = plan

  variables {
    export_readers = { "D0225/EELC" = ["serviceAccount:eelc@example.iam.gserviceaccount.com"], all = ["group:forwarding@example.org"] }
    operators      = ["group:psr-operators@example.org"]
    publishers     = { psr-account-events = ["serviceAccount:accounts@example.iam.gserviceaccount.com"] }
  }

  assert {
    condition = (
      length(google_pubsub_topic_iam_member.sender) == 1 &&
      alltrue([for grant in google_pubsub_topic_iam_member.sender : grant.topic == "psr-account-events" && grant.role == "roles/pubsub.publisher"])
    )
    error_message = "A sender may publish on its topic and do nothing else."
  }

  assert {
    condition = (
      strcontains(google_storage_bucket_iam_member.export_reader["D0225/EELC serviceAccount:eelc@example.iam.gserviceaccount.com"].condition[0].expression, "== \"EELC\"") &&
      length(google_storage_bucket_iam_member.export_reader["all group:forwarding@example.org"].condition) == 0
    )
    error_message = "A recipient reads its own files; only `all` reads every file."
  }
}
