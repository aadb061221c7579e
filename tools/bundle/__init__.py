"""Bundles: one deterministic zip per function, and the release manifest that Terraform deploys."""
