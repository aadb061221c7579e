# This environment's values. The environments differ only in their values, which docs/deploy.md explains.

terraform {
  required_version = ">= 1.11"

  backend "gcs" {
    bucket = "example-psr-prod-psr-state"
    prefix = "psr"
  }
}

variable "release" {
  description = "Path of the release file; null: the file of the last `nox -s bundle`."
  type        = string
  default     = null
}

provider "google" {
  project = "example-psr-prod"
  region  = "europe-west2"
}

provider "google-beta" {
  project = "example-psr-prod"
  region  = "europe-west2"
}

module "psr" {
  source = "../.."

  project     = "example-psr-prod"
  region      = "europe-west2"
  environment = "prod"
  release     = coalesce(var.release, "${path.module}/../../../dist/release.json")

  protected = true
  warm      = true
  front_door = {
    domain              = "psr.example.org"
    requests_per_minute = 600
    unlimited_ranges    = []
  }
  encryption_key         = null
  alert_emails           = ["psr-prod@example.org"]
  log_days               = 90
  access_log_days        = 400
  exports_retention_days = 30

  settings = {
    export_first_day = "2026-12-01"
    supplier_mpid    = "SUPP"
    test_data_flag   = "OPER"
    token_audience   = "psr-api"
    token_issuer     = "https://login.prod.example.org/"
    token_jwks_uri   = "https://login.prod.example.org/.well-known/jwks.json"
  }
}

output "psr" {
  description = "Addresses, the exports' bucket, and the deployed release."
  value       = module.psr
}
