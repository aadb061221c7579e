"""Messages: CloudEvents that arrive by Pub/Sub push, and what becomes of each. Nothing is lost."""
