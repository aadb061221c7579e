# The database, its backups, and its indexes (firestore_indexes.yaml, which a test compares with the store's queries).

locals {
  collections = yamldecode(file("${path.module}/firestore_indexes.yaml"))

  # "registrations state" => the single-field index of one field of one collection
  fields = merge([
    for name, collection in local.collections : {
      for field, index in collection.fields : "${name} ${field}" => {
        collection = name
        field      = field
        orders     = index == "ascending" ? ["ASCENDING"] : []
        expires    = index == "expires"
      }
    }
  ]...)

  composite_indexes = merge([
    for name, collection in local.collections : {
      for fields in try(collection.composite, []) : "${name} ${join(" ", fields)}" => { collection = name, fields = fields }
    }
  ]...)
}

resource "google_firestore_database" "register" {
  project                           = var.project
  name                              = var.database
  location_id                       = var.region
  type                              = "FIRESTORE_NATIVE"
  database_edition                  = "STANDARD"
  app_engine_integration_mode       = "DISABLED"
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_ENABLED"
  delete_protection_state           = var.protected ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  # The default, ABANDON, removes the database from the state only, and the next apply conflicts with it. If it is
  # protected, DELETE fails by design.
  deletion_policy = "DELETE"

  dynamic "cmek_config" {
    for_each = var.encryption_key[*]

    content {
      kms_key_name = cmek_config.value
    }
  }

  depends_on = [google_kms_crypto_key_iam_member.agent, time_sleep.agents_use_the_key, time_sleep.apis_are_usable]
}

resource "google_firestore_backup_schedule" "backup" {
  for_each = {
    daily  = { kept_days = 7, day = null }
    weekly = { kept_days = 98, day = "SUNDAY" }
  }

  project   = var.project
  database  = google_firestore_database.register.name
  retention = "${each.value.kept_days * 86400}s"

  dynamic "daily_recurrence" {
    for_each = each.key == "daily" ? [true] : []

    content {}
  }

  dynamic "weekly_recurrence" {
    for_each = each.value.day[*]

    content {
      day = weekly_recurrence.value
    }
  }
}

# Every field of every collection. A field that no query uses has no index; the others have one index, not three.
# Firestore refuses changes of several fields at once (ABORTED), and the provider does not retry that: the command that
# applies a plan with several of these applies one resource at a time (ops/terraform.py).
resource "google_firestore_field" "field" {
  for_each = local.fields

  project    = var.project
  database   = google_firestore_database.register.name
  collection = each.value.collection
  field      = each.value.field

  index_config {
    dynamic "indexes" {
      for_each = each.value.orders

      content {
        order       = indexes.value
        query_scope = "COLLECTION"
      }
    }
  }

  dynamic "ttl_config" {
    for_each = each.value.expires ? [true] : []

    content {}
  }

  timeouts {
    create = "2h"
    update = "2h"
  }
}

resource "google_firestore_index" "composite" {
  for_each = local.composite_indexes

  project    = var.project
  database   = google_firestore_database.register.name
  collection = each.value.collection

  dynamic "fields" {
    for_each = each.value.fields

    content {
      field_path = fields.value
      order      = "ASCENDING"
    }
  }

  timeouts {
    create = "2h"
  }

  lifecycle {
    # Queries would fail while their index is rebuilt.
    create_before_destroy = true
  }
}
