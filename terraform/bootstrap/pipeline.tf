# Cloud Build's triggers, each as the account that its steps need (accounts.tf):
#   psr-check    cloudbuild.yaml, on every commit of every branch, as the checker
#   psr-release  cloudbuild.release.yaml, as the planner: builds, signs and uploads main, or takes over a release of another
#                environment (_RELEASE); plans; saves the plan under the build's id
#   psr-apply    apply.sh, as the deployer: applies a saved plan (_PLAN). Where data is real, a second person approves. Its
#                steps are in the trigger, so no commit changes them
#   psr-builder  makes the image that the others run in, when its file changes

locals {
  repository = toset(var.pipeline[*].repository)
  # Without the image only the trigger that makes it.
  repository_with_image = toset([for repository in local.repository : repository if var.pipeline.image != null])
  builder               = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.pipeline.repository_id}/builder"
  account_ids           = { for key, email in local.emails : key => "projects/${var.project}/serviceAccounts/${email}" }
  values                = { _BUILDER = try(var.pipeline.image, ""), _ENVIRONMENT = var.environment }
}

resource "google_cloudbuild_trigger" "builder" {
  for_each = local.repository

  project         = var.project
  location        = var.region
  name            = "psr-builder"
  description     = "Make the image of the pipeline's steps; its digest is the value pipeline.image"
  service_account = local.account_ids["planner"]
  included_files  = ["tools/builder/**"]

  repository_event_config {
    repository = each.key

    push {
      branch = "^main$"
    }
  }

  build {
    images  = ["${local.builder}:latest"]
    timeout = "3600s"

    step {
      name = "gcr.io/cloud-builders/docker"
      args = ["build", "--tag", "${local.builder}:latest", "tools/builder"]
    }

    options {
      logging     = "CLOUD_LOGGING_ONLY"
      worker_pool = var.pipeline.pool
    }
  }
}

resource "google_cloudbuild_trigger" "check" {
  for_each = local.repository_with_image

  project         = var.project
  location        = var.region
  name            = "psr-check"
  description     = "Check a commit"
  filename        = "cloudbuild.yaml"
  service_account = local.account_ids["checker"]
  substitutions   = local.values

  repository_event_config {
    repository = each.key

    push {
      branch = ".*"
    }
  }
}

resource "google_cloudbuild_trigger" "release" {
  for_each = local.repository_with_image

  project         = var.project
  location        = var.region
  name            = "psr-release"
  description     = var.promoted_from == null ? "Build, sign, upload and plan" : "Take over a release of ${var.promoted_from} (_RELEASE) and plan it"
  filename        = var.promoted_from == null ? "cloudbuild.release.yaml" : null
  service_account = local.account_ids["planner"]
  substitutions   = merge(local.values, var.promoted_from == null ? {} : { _FROM = var.promoted_from })

  # Every commit on main; a promotion is a person's decision.
  dynamic "repository_event_config" {
    for_each = var.promoted_from == null ? [each.key] : []

    content {
      repository = repository_event_config.value

      push {
        branch = "^main$"
      }
    }
  }

  dynamic "source_to_build" {
    for_each = var.promoted_from == null ? [] : [each.key]

    content {
      repository = source_to_build.value
      ref        = "refs/heads/main"
      repo_type  = "UNKNOWN"
    }
  }

  dynamic "git_file_source" {
    for_each = var.promoted_from == null ? [] : [each.key]

    content {
      path       = "cloudbuild.release.yaml"
      repository = git_file_source.value
      revision   = "refs/heads/main"
      repo_type  = "UNKNOWN"
    }
  }
}

resource "google_cloudbuild_trigger" "apply" {
  for_each = local.repository_with_image

  project         = var.project
  location        = var.region
  name            = "psr-apply"
  description     = "Apply the saved plan _PLAN"
  service_account = local.account_ids["deployer"]
  substitutions   = { _PLAN = "" }

  approval_config {
    approval_required = var.protected
  }

  # A manual trigger needs a source. No step uses it.
  source_to_build {
    repository = each.key
    ref        = "refs/heads/main"
    repo_type  = "UNKNOWN"
  }

  build {
    timeout = "7200s"

    step {
      name   = var.pipeline.image
      script = file("${path.module}/apply.sh")
      env = [
        "ENVIRONMENT=${var.environment}",
        "PLAN=$${_PLAN}",
        "PROJECT=${var.project}",
        "REGION=${var.region}",
      ]
    }

    options {
      logging     = "CLOUD_LOGGING_ONLY"
      worker_pool = var.pipeline.pool
    }
  }
}
