# The accounts of releases, and what each may do. None can read a document, an exported file or the identity key: there is no
# right to entities, to objects of these buckets, to messages, to entries of logs, or to versions of secrets.

locals {
  accounts = {
    checker  = "runs the checks of every commit, and has no right to anything"
    planner  = "builds, signs, uploads and plans releases"
    deployer = "applies plans"
  }
  emails  = { for key, account in google_service_account.pipeline : key => "${account.account_id}@${account.project}.iam.gserviceaccount.com" }
  members = { for key, email in local.emails : key => "serviceAccount:${email}" }
}

resource "google_service_account" "pipeline" {
  for_each = local.accounts

  project      = var.project
  account_id   = "psr-${each.key}"
  display_name = "PSR: ${each.value}"

  depends_on = [time_sleep.apis_are_usable]
}

# The rights with which Terraform compares the resources with its state.
resource "google_project_iam_custom_role" "reader" {
  project     = var.project
  role_id     = "psrPlanner"
  title       = "PSR planner"
  description = "See how the service's resources are configured. No data"
  permissions = [
    "artifactregistry.repositories.getIamPolicy",
    "cloudkms.cryptoKeys.getIamPolicy",
    "datastore.backupSchedules.get",
    "datastore.backupSchedules.list",
    "datastore.databases.get",
    "datastore.databases.getMetadata",
    "datastore.databases.list",
    "datastore.indexes.get",
    "datastore.indexes.list",
    "datastore.operations.get",
    "datastore.operations.list",
    "iam.roles.get",
    "iam.serviceAccounts.get",
    "iam.serviceAccounts.getIamPolicy",
    "logging.buckets.get",
    "logging.buckets.list",
    "logging.cmekSettings.get",
    "logging.exclusions.get",
    "logging.exclusions.list",
    "logging.logMetrics.get",
    "logging.logMetrics.list",
    "logging.sinks.get",
    "logging.sinks.list",
    "pubsub.subscriptions.getIamPolicy",
    "pubsub.topics.getIamPolicy",
    "resourcemanager.projects.get",
    "resourcemanager.projects.getIamPolicy",
    "run.services.getIamPolicy",
    "secretmanager.secrets.getIamPolicy",
    "storage.buckets.get",
    "storage.buckets.getIamPolicy",
    "storage.buckets.list",
  ]

  depends_on = [time_sleep.apis_are_usable]
}

# Rights that the predefined roles of administrators have only together with the right to read data.
resource "google_project_iam_custom_role" "deployer" {
  project     = var.project
  role_id     = "psrDeployer"
  title       = "PSR deployer"
  description = "Change how the service's resources are configured. No data"
  permissions = concat(tolist(google_project_iam_custom_role.reader.permissions), [
    "datastore.backupSchedules.create",
    "datastore.backupSchedules.delete",
    "datastore.backupSchedules.update",
    "datastore.databases.create",
    "datastore.databases.delete",
    "datastore.databases.update",
    "datastore.indexes.create",
    "datastore.indexes.delete",
    "datastore.indexes.update",
    "datastore.locations.get",
    "datastore.locations.list",
    "pubsub.subscriptions.create",
    "pubsub.subscriptions.delete",
    "pubsub.subscriptions.get",
    "pubsub.subscriptions.list",
    "pubsub.subscriptions.setIamPolicy",
    "pubsub.subscriptions.update",
    "pubsub.topics.attachSubscription",
    "pubsub.topics.create",
    "pubsub.topics.delete",
    "pubsub.topics.detachSubscription",
    "pubsub.topics.get",
    "pubsub.topics.list",
    "pubsub.topics.setIamPolicy",
    "pubsub.topics.update",
    "pubsub.topics.updateTag",
    "secretmanager.secrets.get",
    "secretmanager.secrets.list",
    "secretmanager.secrets.setIamPolicy",
    "storage.buckets.create",
    "storage.buckets.delete",
    "storage.buckets.setIamPolicy",
    "storage.buckets.update",
  ])
}

locals {
  planner_roles = [
    "roles/artifactregistry.reader",
    "roles/cloudbuild.builds.viewer",
    "roles/cloudfunctions.viewer",
    "roles/cloudkms.viewer",
    "roles/cloudscheduler.viewer",
    "roles/compute.viewer",
    "roles/logging.logWriter",
    "roles/monitoring.viewer",
    "roles/pubsub.viewer",
    "roles/run.viewer",
    "roles/secretmanager.viewer",
    "roles/serviceusage.serviceUsageConsumer",
    "roles/serviceusage.serviceUsageViewer",
  ]
  deployer_roles = [
    "roles/artifactregistry.admin",
    "roles/cloudfunctions.admin",
    "roles/cloudkms.admin",
    "roles/cloudscheduler.admin",
    "roles/compute.loadBalancerAdmin",
    "roles/compute.networkUser",
    "roles/compute.securityAdmin",
    "roles/iam.roleAdmin",
    "roles/iam.serviceAccountAdmin",
    "roles/logging.configWriter",
    "roles/logging.logWriter",
    "roles/monitoring.admin",
    "roles/run.admin",
    "roles/serviceusage.serviceUsageAdmin",
  ]
  project_roles = merge(
    { for role in ["roles/logging.logWriter"] : "checker ${role}" => { account = "checker", role = role } },
    { for role in local.planner_roles : "planner ${role}" => { account = "planner", role = role } },
    { for role in local.deployer_roles : "deployer ${role}" => { account = "deployer", role = role } },
    {
      "planner reader"   = { account = "planner", role = "projects/${var.project}/roles/${google_project_iam_custom_role.reader.role_id}" }
      "deployer changes" = { account = "deployer", role = "projects/${var.project}/roles/${google_project_iam_custom_role.deployer.role_id}" }
    },
  )

  # The roles that terraform/ grants on the project. The deployer can grant no other, so it cannot make an owner.
  granted_on_the_project = [
    "projects/${var.project}/roles/psrOperator",
    "roles/artifactregistry.serviceAgent",
    "roles/cloudfunctions.serviceAgent",
    "roles/datastore.user",
    "roles/datastore.viewer",
    "roles/firestore.serviceAgent",
    "roles/logging.logWriter",
    "roles/pubsub.serviceAgent",
    "roles/run.serviceAgent",
    "roles/storage.objectViewer",
  ]
}

resource "google_project_iam_member" "pipeline" {
  # checkov:skip=CKV_GCP_42:The deployer makes these accounts and their grants; nobody else has these roles.
  # checkov:skip=CKV_GCP_49:It makes the accounts of the functions; terraform/iam.tf lets it attach those only.
  for_each = local.project_roles

  project = var.project
  role    = each.value.role
  member  = local.members[each.value.account]
}

resource "google_project_iam_member" "grants" {
  # checkov:skip=CKV_GCP_49:The condition names the roles that it can grant.
  project = var.project
  role    = "roles/resourcemanager.projectIamAdmin"
  member  = local.members["deployer"]

  condition {
    title      = "Only roles that Terraform grants"
    expression = "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly([${join(", ", [for role in local.granted_on_the_project : "'${role}'"])}])"
  }
}

resource "google_storage_bucket_iam_member" "pipeline" {
  for_each = {
    # To plan is to lock the state, and the first plan makes it.
    "planner state objectUser"        = { account = "planner", bucket = "state", role = "roles/storage.objectUser" }
    "deployer state objectUser"       = { account = "deployer", bucket = "state", role = "roles/storage.objectUser" }
    "planner releases objectCreator"  = { account = "planner", bucket = "releases", role = "roles/storage.objectCreator" }
    "planner releases objectViewer"   = { account = "planner", bucket = "releases", role = "roles/storage.objectViewer" }
    "deployer releases objectCreator" = { account = "deployer", bucket = "releases", role = "roles/storage.objectCreator" }
    "deployer releases objectViewer"  = { account = "deployer", bucket = "releases", role = "roles/storage.objectViewer" }
  }

  bucket = google_storage_bucket.bucket[each.value.bucket].name
  role   = each.value.role
  member = local.members[each.value.account]
}

resource "google_kms_crypto_key_iam_member" "sign" {
  crypto_key_id = google_kms_crypto_key.releases.id
  role          = "roles/cloudkms.signerVerifier"
  member        = local.members["planner"]
}

resource "google_kms_crypto_key_iam_member" "verify" {
  for_each = setunion([local.members["planner"], local.members["deployer"]], var.deployers, local.next_planners)

  crypto_key_id = google_kms_crypto_key.releases.id
  role          = "roles/cloudkms.publicKeyViewer"
  member        = each.key
}

# Environments that take over releases read and check them.
locals {
  next_planners = [for project in var.promotes_to : "serviceAccount:psr-planner@${project}.iam.gserviceaccount.com"]
}

resource "google_storage_bucket_iam_member" "promotion" {
  for_each = toset(local.next_planners)

  bucket = google_storage_bucket.bucket["releases"].name
  role   = "roles/storage.objectViewer"
  member = each.key
}

resource "google_artifact_registry_repository_iam_member" "pipeline" {
  for_each = {
    checker  = "roles/artifactregistry.reader"
    planner  = "roles/artifactregistry.writer"
    deployer = "roles/artifactregistry.reader"
  }

  project    = var.project
  location   = google_artifact_registry_repository.pipeline.location
  repository = google_artifact_registry_repository.pipeline.repository_id
  role       = each.value
  member     = local.members[each.key]
}

# People who deploy from their own machines. An owner is not among them automatically: owning a project includes no right to
# act as its accounts.
resource "google_service_account_iam_member" "deployers" {
  for_each = var.deployers

  service_account_id = "projects/${var.project}/serviceAccounts/${local.emails["deployer"]}"
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = each.key
}

# GitHub's workflows, without a key: GitHub says in a signed token which repository, branch and environment a job is for. Of
# pull requests and branches only the checker; of main the planner; of the approved GitHub environment the deployer.
resource "google_iam_workload_identity_pool" "github" {
  for_each = toset(var.github[*].repository)

  project                   = var.project
  workload_identity_pool_id = "psr-github"

  depends_on = [time_sleep.apis_are_usable]
}

resource "google_iam_workload_identity_pool_provider" "github" {
  # checkov:skip=CKV_GCP_125:The condition names the repository.
  for_each = google_iam_workload_identity_pool.github

  project                            = var.project
  workload_identity_pool_id          = each.value.workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  attribute_condition                = "assertion.repository == '${each.key}'"

  attribute_mapping = {
    "google.subject"        = "assertion.sub"
    "attribute.repository"  = "assertion.repository"
    "attribute.ref"         = "assertion.ref"
    "attribute.environment" = "has(assertion.environment) ? assertion.environment : ''"
  }

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_service_account_iam_member" "github" {
  for_each = var.github == null ? {} : {
    checker  = "attribute.repository/${var.github.repository}"
    planner  = "attribute.ref/refs/heads/main"
    deployer = "attribute.environment/${var.environment}"
  }

  service_account_id = "projects/${var.project}/serviceAccounts/${local.emails[each.key]}"
  role               = "roles/iam.workloadIdentityUser"
  member             = "principalSet://iam.googleapis.com/${google_iam_workload_identity_pool.github[var.github.repository].name}/${each.value}"
}
