output "address" {
  description = "What the domain's A record must point to; null without a front door."
  value       = try(google_compute_global_address.front_door["public"].address, null)
}

output "exports_bucket" {
  description = "Where the exported files are."
  value       = google_storage_bucket.exports.name
}

output "functions" {
  description = "Each function's own address."
  value       = { for key, function in google_cloudfunctions2_function.function : key => function.service_config[0].uri }
}

output "quarantine_bucket" {
  description = "Where quarantined messages are that are too large for a document."
  value       = google_storage_bucket.quarantine.name
}

output "release" {
  description = "The release that is deployed: its commit, null if it was made of uncommitted files."
  value       = try(local.release.commit, null)
}

output "url" {
  description = "Where a client starts: the front door, or where there is none the default function."
  value       = var.front_door == null ? google_cloudfunctions2_function.function[local.default_backend].service_config[0].uri : "https://${var.front_door.domain}"
}
