# The key that signs day manifests, and the grants for a key of your own (var.encryption_key).

resource "google_kms_key_ring" "psr" {
  project  = var.project
  name     = "psr"
  location = var.region

  depends_on = [time_sleep.apis_are_usable]
}

resource "google_kms_crypto_key" "signing" {
  # checkov:skip=CKV_GCP_43:Asymmetric keys cannot be rotated by Cloud KMS; a new version is a decision (docs/deploy.md).
  name                       = "export-manifests"
  key_ring                   = google_kms_key_ring.psr.id
  purpose                    = "ASYMMETRIC_SIGN"
  destroy_scheduled_duration = "2592000s"

  version_template {
    algorithm        = "RSA_SIGN_PKCS1_3072_SHA256"
    protection_level = "SOFTWARE"
  }

  lifecycle {
    prevent_destroy = true
  }
}

# The buckets' and the secret's agents get the key in terraform/bootstrap, which makes the first of them.
resource "google_kms_crypto_key_iam_member" "agent" {
  for_each = var.encryption_key == null ? {} : merge(local.agents, {
    logging = "serviceAccount:${data.google_logging_project_cmek_settings.agent["key"].service_account_id}"
  })

  crypto_key_id = var.encryption_key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = each.value
}

data "google_logging_project_cmek_settings" "agent" {
  for_each = toset(var.encryption_key == null ? [] : ["key"])

  project = var.project

  depends_on = [time_sleep.apis_are_usable]
}

# The grants above are effective after some minutes (project.tf says why).
resource "time_sleep" "agents_use_the_key" {
  for_each = toset(var.encryption_key[*])

  create_duration = "120s"

  depends_on = [google_kms_crypto_key_iam_member.agent]
}
