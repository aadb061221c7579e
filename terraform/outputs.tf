output "address" {
  description = "The address for the domain's A record; null without a front door."
  value       = var.front_door == null ? null : try(google_compute_global_address.front_door["public"].address, google_compute_global_forwarding_rule.front_door["internal"].ip_address)
}

output "exports_bucket" {
  description = "The bucket of exported files."
  value       = google_storage_bucket.exports.name
}

output "functions" {
  description = "Each function's own address."
  value       = { for key, function in google_cloudfunctions2_function.function : key => function.service_config[0].uri }
}

output "pages" {
  description = "The address of the pages; null without them."
  value       = var.pages == null ? null : "https://${var.pages.domain}"
}

output "quarantine_bucket" {
  description = "The bucket of quarantined messages that are too large for a document."
  value       = google_storage_bucket.quarantine.name
}

output "release" {
  description = "The deployed release: its commit, or null if it was made from uncommitted files."
  value       = try(local.release.commit, null)
}

output "url" {
  description = "The address for clients: the front door or, without one, the default function."
  value       = var.front_door == null ? google_cloudfunctions2_function.function[local.default_backend].service_config[0].uri : "https://${var.front_door.domain}"
}
