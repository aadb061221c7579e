# The release file, by function. Everything per function is made by for_each over these maps, and named like the
# function with dashes.

locals {
  release = jsondecode(file(var.release))

  # Without var.pages the functions that serve pages are left out.
  functions = {
    for name, function in local.release.functions : replace(name, "_", "-") => merge(function, { name = name })
    if var.pages != null || !can(function.manifest.trigger.pages)
  }

  # HTTP functions: those of the API, and those that serve pages.
  http      = { for key, function in local.functions : key => function.name if can(function.manifest.trigger.http) || can(function.manifest.trigger.pages) }
  sites     = [for key, function in local.functions : key if can(function.manifest.trigger.pages)]
  pubsub    = { for key, function in local.functions : key => function.manifest.trigger.pubsub if can(function.manifest.trigger.pubsub) }
  scheduled = { for key, function in local.functions : key => function.manifest.trigger.schedule if can(function.manifest.trigger.schedule) }

  # "lookup firestore.read" => { function = "lookup", permission = "firestore.read" }
  grants = merge([
    for key, function in local.functions : {
      for permission in function.manifest.permissions : "${key} ${permission}" => { function = key, permission = permission }
    }
  ]...)
}
