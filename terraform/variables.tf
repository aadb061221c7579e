variable "access_log_days" {
  description = "Days that the log of who read which registration is kept."
  type        = number
  default     = 400
}

variable "alert_emails" {
  description = "Who is told of alerts."
  type        = set(string)
  default     = []
}

variable "audit_data_access" {
  description = "Write a Data Access audit log of every read and write through the Google APIs; of uses of keys it is written in any case. Costs about 1 KB of log for each."
  type        = bool
  default     = true
}

variable "database" {
  description = "Firestore database id."
  type        = string
  default     = "psr"
}

variable "encryption_key" {
  description = "Cloud KMS key (its full name, in `region`) for the database, the topics and the exports. Null: keys of Google's. Firestore takes such keys only in projects on its allow-list."
  type        = string
  default     = null
}

variable "environment" {
  description = "`dev`, `prod`, …: shown in names that people read."
  type        = string
}

variable "exports_kept_days" {
  description = "Days after which an exported file is deleted."
  type        = number
  default     = 400
}

variable "exports_retention_days" {
  description = "Days in which nobody can delete or overwrite an exported file; 0 for a trial that is taken down again."
  type        = number
  default     = 30

  validation {
    condition     = var.exports_retention_days < var.exports_kept_days
    error_message = "A file cannot be deleted while it is under retention."
  }
}

variable "front_door" {
  description = "The public HTTPS entry: its domain, requests that one address may send a minute, and address ranges that are not limited (own back ends). Null: each HTTP function is reached at its own run.app address, which costs nothing but has no firewall."
  type = object({
    domain              = string
    requests_per_minute = optional(number, 600)
    unlimited_ranges    = optional(list(string), [])
  })
  default = null
}

variable "log_days" {
  description = "Days that the functions' logs are kept."
  type        = number
  default     = 30
}

variable "project" {
  description = "Google Cloud project id."
  type        = string
}

variable "protected" {
  description = "True where data is real: the database and the exports cannot be destroyed, log retention is locked."
  type        = bool
}

variable "region" {
  description = "Where everything is and stays. Firestore's location cannot be changed later."
  type        = string
  default     = "europe-west2"
}

variable "release" {
  description = "Path of the release manifest (`nox -s bundle` writes dist/release.json)."
  type        = string

  validation {
    condition     = fileexists(var.release)
    error_message = "There is no release manifest at ${var.release}: `nox -s bundle` makes one."
  }
}

variable "secret_versions" {
  description = "Version of a secret that functions get, where it is not 1. The identity key is never rotated in place: every document id depends on it."
  type        = map(string)
  default     = {}
}

variable "settings" {
  description = "The service's settings by their names in shared/settings.py, which has what each means and its default."
  type        = map(string)
}

variable "warm" {
  description = "Keep the manifests' `min_instances` running. False: every function scales to zero."
  type        = bool
}
