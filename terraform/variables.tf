# Names and people.

variable "project" {
  description = "Google Cloud project id."
  type        = string
}

variable "region" {
  description = "The region of all resources. Firestore's location cannot be changed later."
  type        = string
  default     = "europe-west2"
}

variable "environment" {
  description = "`dev`, `prod`, …: part of display names."
  type        = string
}

variable "labels" {
  description = "Labels of every resource that can have labels."
  type        = map(string)
  default     = {}
}

variable "operators" {
  description = "Members that operate the service (`psr`): `group:…`, `user:…`. They can read personal data."
  type        = set(string)
  default     = []
}

variable "publishers" {
  description = "Members that may publish on a topic, by topic: `{ psr-account-events = [\"serviceAccount:…\"] }`."
  type        = map(set(string))
  default     = {}
}

variable "export_readers" {
  description = "Members that collect the exported files, by folder and recipient (`\"D0225/EELC\"`), or `all`."
  type        = map(set(string))
  default     = {}

  validation {
    condition     = alltrue([for recipient in keys(var.export_readers) : recipient == "all" || can(regex("^[A-Za-z0-9]+/[A-Z0-9]+$", recipient))])
    error_message = "Name a folder and a recipient, such as D0225/EELC, or all."
  }
}

# Deployment.

variable "release" {
  description = "Path of the release file (`nox -s bundle` writes dist/release.json)."
  type        = string
  default     = "../dist/release.json"

  validation {
    condition     = fileexists(var.release)
    error_message = "There is no release file at ${var.release}. Run `nox -s bundle` to make one."
  }
}

variable "settings" {
  description = "The service's settings, by their names in shared/settings.py, which describes each one and its default."
  type        = map(string)
}

variable "secret_versions" {
  description = "Version of a secret for the functions, if it is not 1. The identity key is never rotated in place: every document id depends on it."
  type        = map(string)
  default     = {}
}

variable "warm" {
  description = "Keep the manifests' `min_instances` running. False: every function scales to zero."
  type        = bool
}

variable "build_pool" {
  description = "Cloud Build private pool that builds the functions' images, projects/…/locations/…/workerPools/…. Null: Google's pool."
  type        = string
  default     = null
}

# Data.

variable "database" {
  description = "Firestore database id. A restored database has another id (docs/restore.md)."
  type        = string
  default     = "psr-register"

  validation {
    condition = (
      can(regex("^[a-z][a-z0-9-]{2,61}[a-z0-9]$", var.database)) &&
      !can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.database))
    )
    error_message = "A database id has 4 to 63 lower-case letters, digits and hyphens, begins with a letter, ends with a letter or digit, and is no UUID."
  }
}

variable "protected" {
  description = "True if data is real: the database and the exports cannot be destroyed."
  type        = bool
}

variable "lock_retention" {
  description = "True when the service goes live: nobody can shorten the retention of exported files, releases and logs any more. It cannot be undone."
  type        = bool
  default     = false
}

variable "exports_kept_days" {
  description = "Days after which an exported file is deleted."
  type        = number
  default     = 400
}

variable "exports_retention_days" {
  description = "Days in which an exported file cannot be deleted or overwritten; 0 for a trial that is removed later. Until `lock_retention` is true, people with rights to the bucket can shorten it."
  type        = number
  default     = 30

  validation {
    condition     = var.exports_retention_days < var.exports_kept_days
    error_message = "A file cannot be deleted during its retention. Set exports_kept_days above the retention."
  }
}

variable "encryption_key" {
  description = "Cloud KMS key (its full name, in `region`) for everything that can have one. Null: Google's keys. Firestore takes such keys only in projects on its allow-list."
  type        = string
  default     = null
}

# Logs and alerts.

variable "access_log_days" {
  description = "Days to keep the access log and the audit log of data, which name callers and the registrations that they read."
  type        = number
  default     = 400
}

variable "log_days" {
  description = "Days to keep the logs of the functions and of the load balancer."
  type        = number
  default     = 30
}

variable "audit_data_access" {
  description = "Write a Data Access audit log of every read and write through the Google APIs. Uses of keys are always logged. Costs about 1 KB of log for each."
  type        = bool
  default     = true
}

variable "alert_emails" {
  description = "The recipients of alerts."
  type        = set(string)
  default     = []
}

variable "notification_channels" {
  description = "More recipients of alerts: notification channels of any type, projects/…/notificationChannels/…."
  type        = set(string)
  default     = []
}

# Network.

variable "front_door" {
  description = <<-EOT
    The HTTPS entry: its domain, requests that one address may send a minute, and address ranges that are not limited (own
    back ends). `certificates` are existing ones (compute SSL certificates, or Certificate Manager's); empty: Google's managed
    certificate. `internal` makes it reachable from a VPC network only: it needs a Certificate Manager certificate and a
    proxy-only subnet, and has no firewall. Null: each HTTP function has its own run.app address, which is free and has no firewall.
  EOT
  type = object({
    domain              = string
    requests_per_minute = optional(number, 600)
    unlimited_ranges    = optional(list(string), [])
    certificates        = optional(list(string), [])
    internal            = optional(object({ network = string, subnetwork = string }))
  })
  default = null

  validation {
    condition     = try(var.front_door.internal, null) == null || length(try(var.front_door.certificates, [])) > 0
    error_message = "An internal front door needs a Certificate Manager certificate in `certificates`."
  }
}

variable "pages" {
  description = <<-EOT
    Pages for customers and agents: their own domain at the front door, the OpenID provider that signs people in (its `issuer`, as
    its discovery document states it), their client id there, and the origins that a page may return a customer to. Their calls
    to the API come from the addresses of `egress`: put these into front_door.unlimited_ranges. Null: no pages.
  EOT
  type = object({
    domain         = string
    issuer         = string
    client_id      = string
    return_origins = optional(list(string), [])
  })
  default = null

  validation {
    condition     = var.pages == null || var.front_door != null
    error_message = "Pages need a front door, which serves their domain."
  }
}

variable "egress" {
  description = "The subnetwork through which the functions call out, projects/…/regions/…/subnetworks/…, for a network with rules of its own. Null: Google's network."
  type        = object({ network = string, subnetwork = string })
  default     = null
}
