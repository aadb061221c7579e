# The same values file as terraform/ (environments/<name>.tfvars); each root takes the values that it declares.

variable "project" {
  description = "Google Cloud project id."
  type        = string
}

variable "region" {
  description = "Region of the buckets, the secret, the keys and the builds."
  type        = string
  default     = "europe-west2"
}

variable "environment" {
  description = "Name of the values file, `dev` or `prod`."
  type        = string
}

variable "labels" {
  description = "Labels of every resource that can have labels."
  type        = map(string)
  default     = {}
}

variable "protected" {
  description = "True if data is real: nobody may act as the deployer except the approved pipeline."
  type        = bool
}

variable "lock_retention" {
  description = "True when the service goes live: nobody can shorten the retention of releases any more. It cannot be undone."
  type        = bool
  default     = false
}

variable "encryption_key" {
  description = "Cloud KMS key (its full name, in `region`) for buckets, secret and images. Null: Google's keys."
  type        = string
  default     = null
}

variable "pages" {
  description = "Pages for customers and agents: see ../variables.tf. Their secrets exist only if it is not null."
  type        = any
  default     = null
}

variable "deployers" {
  description = "Members that may act as the deployer from their own machines: `group:…`, `user:…`. Even the project's owner needs to be in it. Empty where data is real."
  type        = set(string)
  default     = []

  validation {
    condition     = !var.protected || length(var.deployers) == 0
    error_message = "Nobody may permanently act as the deployer where data is real. Use the pipeline; docs/deploy.md says what to do in an emergency."
  }
}

variable "pipeline" {
  description = <<-EOT
    The build pipeline. `repository`: of Cloud Build (2nd gen), projects/…/locations/…/connections/…/repositories/…. `image`: the
    builder's image by digest, without which only the trigger that makes the image exists. `pool`: a private pool, null for
    Google's. Null: people make releases.
  EOT
  type = object({
    repository = string
    image      = optional(string)
    pool       = optional(string)
  })
  default = null

  validation {
    condition     = try(var.pipeline.image, null) == null || can(regex("@sha256:[0-9a-f]{64}$", var.pipeline.image))
    error_message = "Name the builder's image by its digest: …/psr-pipeline/builder@sha256:…."
  }
}

variable "github" {
  description = "GitHub Actions instead of Cloud Build: the repository, owner/name, whose workflows act as the pipeline's accounts. Null: none."
  type        = object({ repository = string })
  default     = null
}

variable "promoted_from" {
  description = "The environment that releases come from, for `psr release promote`. Null: this environment's pipeline builds them."
  type        = string
  default     = null
}

variable "promotes_to" {
  description = "Projects whose planners may read and check the releases of this environment, to take them over."
  type        = set(string)
  default     = []
}
