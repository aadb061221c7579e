# Access to secrets. terraform/bootstrap makes the secrets, people add their values: no key is in Terraform's state.

locals {
  secrets_of = {
    for key, function in local.functions : key => [
      for permission in function.manifest.permissions : trimprefix(permission, "secret:") if startswith(permission, "secret:")
    ]
  }
}

resource "google_secret_manager_secret_iam_member" "function" {
  for_each = { for key, grant in local.grants : key => grant if startswith(grant.permission, "secret:") }

  project   = var.project
  secret_id = "psr-${trimprefix(each.value.permission, "secret:")}"
  role      = "roles/secretmanager.secretAccessor"
  member    = local.members[each.value.function]
}
