"""Messages: CloudEvents that arrive by Pub/Sub push. Each is applied, retried or quarantined; none is lost."""
