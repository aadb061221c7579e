locals {
  # Made by terraform/bootstrap: bundles must exist before the functions that use them.
  releases_bucket = "${var.project}-psr-releases"
}

resource "google_storage_bucket" "exports" {
  # checkov:skip=CKV_GCP_62:Every read and write is in the Data Access audit log (project.tf).
  # checkov:skip=CKV_GCP_78:Objects are written once and never overwritten; old versions would only keep personal data.
  project                     = var.project
  name                        = "${var.project}-psr-exports"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.protected

  dynamic "retention_policy" {
    for_each = var.exports_retention_days > 0 ? [var.exports_retention_days] : []

    content {
      retention_period = tostring(retention_policy.value * 86400)
      is_locked        = var.lock_retention
    }
  }

  lifecycle_rule {
    condition {
      age = var.exports_kept_days
    }

    action {
      type = "Delete"
    }
  }

  soft_delete_policy {
    retention_duration_seconds = 604800
  }

  dynamic "encryption" {
    for_each = var.encryption_key[*]

    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [time_sleep.apis_are_usable]
}

# Data of quarantined messages that are too large for a document. Erasing a customer deletes it at once. The lifecycle rule
# covers messages that nobody erases or resolves: no personal data stays longer than an ended registration (ended_kept_days).
resource "google_storage_bucket" "quarantine" {
  # checkov:skip=CKV_GCP_62:Every read and write is in the Data Access audit log (project.tf).
  # checkov:skip=CKV_GCP_78:Objects are named by their record and never overwritten; old versions would only keep personal data.
  project                     = var.project
  name                        = "${var.project}-psr-quarantine"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.protected

  lifecycle_rule {
    condition {
      age = 730
    }

    action {
      type = "Delete"
    }
  }

  soft_delete_policy {
    retention_duration_seconds = 604800
  }

  dynamic "encryption" {
    for_each = var.encryption_key[*]

    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [time_sleep.apis_are_usable]
}
