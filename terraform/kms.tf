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

resource "google_kms_crypto_key_iam_member" "agent" {
  for_each = var.encryption_key == null ? {} : {
    firestore = google_project_service_identity.agent["firestore.googleapis.com"].member
    pubsub    = google_project_service_identity.agent["pubsub.googleapis.com"].member
    storage   = data.google_storage_project_service_account.agent.member
  }

  crypto_key_id = var.encryption_key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = each.value
}
