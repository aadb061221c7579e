"""The operators' command line and the local stack. Never deployed."""
