# Topics of every trigger and every permission to publish; one push subscription per consumer, with shared settings.
# The subscriptions are our own, not Eventarc's, which can have no dead-letter policy.

locals {
  push              = local.release.push_subscriptions
  dead_letter_topic = local.push.dead_letter_topic

  topics = toset(concat(
    [local.dead_letter_topic],
    [for trigger in values(local.pubsub) : trigger.topic],
    [for grant in values(local.grants) : trimprefix(grant.permission, "pubsub.publish:") if startswith(grant.permission, "pubsub.publish:")],
  ))

  # Dead-lettering. The consumer of the dead letters has none: Pub/Sub retries its messages until their retention ends.
  with_dead_letters = { for key, trigger in local.pubsub : key => trigger if trigger.topic != local.dead_letter_topic }

  pubsub_agent = local.agents["pubsub.googleapis.com"]
}

resource "google_pubsub_topic" "topic" {
  # checkov:skip=CKV_GCP_83:A key of our own is an option (var.encryption_key).
  for_each = local.topics

  project                    = var.project
  name                       = each.key
  kms_key_name               = var.encryption_key
  message_retention_duration = "${local.push.message_retention_days * 86400}s"

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  lifecycle {
    precondition {
      condition     = length(local.pubsub) == 0 || contains([for trigger in values(local.pubsub) : trigger.topic], local.dead_letter_topic)
      error_message = "Nothing subscribes to ${local.dead_letter_topic}: dead letters would be lost. Add a consumer of it."
    }
  }

  depends_on = [google_kms_crypto_key_iam_member.agent, time_sleep.agents_use_the_key, time_sleep.apis_are_usable]
}

resource "google_pubsub_subscription" "push" {
  for_each = local.pubsub

  project                    = var.project
  name                       = each.key
  topic                      = google_pubsub_topic.topic[each.value.topic].name
  ack_deadline_seconds       = local.push.ack_deadline_seconds
  message_retention_duration = "${local.push.message_retention_days * 86400}s"

  push_config {
    push_endpoint = google_cloudfunctions2_function.function[each.key].service_config[0].uri

    oidc_token {
      service_account_email = local.accounts["push"]
      audience              = google_cloudfunctions2_function.function[each.key].service_config[0].uri
    }
  }

  # Without this, a refused message is delivered again at once.
  retry_policy {
    minimum_backoff = "${local.push.minimum_backoff_seconds}s"
    maximum_backoff = "${local.push.maximum_backoff_seconds}s"
  }

  # Without this, a subscription without activity for 31 days is deleted.
  expiration_policy {
    ttl = ""
  }

  dynamic "dead_letter_policy" {
    for_each = contains(keys(local.with_dead_letters), each.key) ? [local.dead_letter_topic] : []

    content {
      dead_letter_topic     = "projects/${var.project}/topics/${google_pubsub_topic.topic[dead_letter_policy.value].name}"
      max_delivery_attempts = local.push.max_delivery_attempts
    }
  }

  lifecycle {
    precondition {
      condition     = local.functions[each.key].manifest.resources.timeout_seconds <= local.push.ack_deadline_seconds
      error_message = "${each.key} may run longer than its subscription waits, so two deliveries could run at once. Lower timeout_seconds."
    }
  }

  depends_on = [google_cloud_run_service_iam_member.invoker, time_sleep.grants_are_effective]
}

# Pub/Sub's agent signs the token of each delivery as the invoker. Without this right no message is delivered.
resource "google_service_account_iam_member" "push_tokens" {
  service_account_id = "projects/${var.project}/serviceAccounts/${local.accounts["push"]}"
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = local.pubsub_agent
}

# Senders outside this Terraform: the migration, the account system.
resource "google_pubsub_topic_iam_member" "sender" {
  for_each = merge([
    for topic, members in var.publishers : { for member in members : "${topic} ${member}" => { topic = topic, member = member } }
  ]...)

  project = var.project
  topic   = google_pubsub_topic.topic[each.value.topic].name
  role    = "roles/pubsub.publisher"
  member  = each.value.member
}

# Dead-lettering needs both grants. Without them it fails silently.
resource "google_pubsub_topic_iam_member" "dead_letters" {
  project = var.project
  topic   = google_pubsub_topic.topic[local.dead_letter_topic].name
  role    = "roles/pubsub.publisher"
  member  = local.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "dead_letters" {
  for_each = local.with_dead_letters

  project      = var.project
  subscription = google_pubsub_subscription.push[each.key].name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}
