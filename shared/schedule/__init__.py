"""Functions that Cloud Scheduler starts."""
