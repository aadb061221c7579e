terraform {
  required_version = ">= 1.11"

  # The environment's bucket and prefix come from the command (ops/terraform.py), so one checkout serves all environments.
  backend "gcs" {}

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 7.12"
    }
    # Only for service identities, which the other provider does not have.
    google-beta = {
      source  = "hashicorp/google-beta"
      version = "~> 7.12"
    }
    time = {
      source  = "hashicorp/time"
      version = "~> 0.13"
    }
  }
}

provider "google" {
  project        = var.project
  region         = var.region
  default_labels = var.labels
}

provider "google-beta" {
  project        = var.project
  region         = var.region
  default_labels = var.labels
}
