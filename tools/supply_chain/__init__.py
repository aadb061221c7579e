"""Checks of the service's packages, licences, inventories, secrets and vulnerabilities: `nox -s security`."""
