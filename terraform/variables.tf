variable "access_log_days" {
  description = "Days to keep the access log, which names callers and the registrations that they read."
  type        = number
  default     = 400
}

variable "alert_emails" {
  description = "The recipients of alerts."
  type        = set(string)
  default     = []
}

variable "audit_data_access" {
  description = "Write a Data Access audit log of every read and write through the Google APIs. Uses of keys are always logged. Costs about 1 KB of log for each."
  type        = bool
  default     = true
}

variable "database" {
  description = "Firestore database id."
  type        = string
  default     = "psr"
}

variable "encryption_key" {
  description = "Cloud KMS key (its full name, in `region`) for the database, the topics and the exports. Null: Google's keys. Firestore takes such keys only in projects on its allow-list."
  type        = string
  default     = null
}

variable "environment" {
  description = "`dev`, `prod`, …: part of display names."
  type        = string
}

variable "exports_kept_days" {
  description = "Days after which an exported file is deleted."
  type        = number
  default     = 400
}

variable "exports_retention_days" {
  description = "Days in which nobody can delete or overwrite an exported file; 0 for a trial that is removed later."
  type        = number
  default     = 30

  validation {
    condition     = var.exports_retention_days < var.exports_kept_days
    error_message = "A file cannot be deleted during its retention. Set exports_kept_days above the retention."
  }
}

variable "front_door" {
  description = "The public HTTPS entry: its domain, requests that one address may send a minute, and address ranges that are not limited (own back ends). Null: each HTTP function has its own run.app address, which is free and has no firewall."
  type = object({
    domain              = string
    requests_per_minute = optional(number, 600)
    unlimited_ranges    = optional(list(string), [])
  })
  default = null
}

variable "log_days" {
  description = "Days to keep the functions' logs."
  type        = number
  default     = 30
}

variable "project" {
  description = "Google Cloud project id."
  type        = string
}

variable "protected" {
  description = "True if data is real: the database and the exports cannot be destroyed, log retention is locked."
  type        = bool
}

variable "region" {
  description = "The region of all resources. Firestore's location cannot be changed later."
  type        = string
  default     = "europe-west2"
}

variable "release" {
  description = "Path of the release file (`nox -s bundle` writes dist/release.json)."
  type        = string

  validation {
    condition     = fileexists(var.release)
    error_message = "There is no release file at ${var.release}. Run `nox -s bundle` to make one."
  }
}

variable "secret_versions" {
  description = "Version of a secret for the functions, if it is not 1. The identity key is never rotated in place: every document id depends on it."
  type        = map(string)
  default     = {}
}

variable "settings" {
  description = "The service's settings, by their names in shared/settings.py, which describes each one and its default."
  type        = map(string)
}

variable "warm" {
  description = "Keep the manifests' `min_instances` running. False: every function scales to zero."
  type        = bool
}
