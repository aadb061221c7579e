"""What the service is made of, held against what we allow: the checks of `nox -s security`."""
