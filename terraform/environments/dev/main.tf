# This environment's values. The environments differ only in their values, which docs/deploy.md explains.

terraform {
  required_version = ">= 1.11"

  backend "gcs" {
    bucket = "example-psr-dev-psr-state"
    prefix = "psr"
  }
}

variable "release" {
  description = "Path of the release file; null: the file of the last `nox -s bundle`."
  type        = string
  default     = null
}

provider "google" {
  project = "example-psr-dev"
  region  = "europe-west2"
}

provider "google-beta" {
  project = "example-psr-dev"
  region  = "europe-west2"
}

module "psr" {
  source = "../.."

  project     = "example-psr-dev"
  region      = "europe-west2"
  environment = "dev"
  release     = coalesce(var.release, "${path.module}/../../../dist/release.json")

  protected              = false
  warm                   = false
  front_door             = null
  encryption_key         = null
  alert_emails           = ["psr-dev@example.org"]
  log_days               = 30
  access_log_days        = 400
  exports_retention_days = 0

  settings = {
    export_first_day = "2026-12-01"
    supplier_mpid    = "SUPP"
    test_data_flag   = "TR01"
    token_audience   = "psr-api"
    token_issuer     = "https://login.dev.example.org/"
    token_jwks_uri   = "https://login.dev.example.org/.well-known/jwks.json"
  }
}

output "psr" {
  description = "Addresses, the exports' bucket, and the deployed release."
  value       = module.psr
}
