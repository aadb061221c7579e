"""Bundles: one deterministic zip per function, and the release file that Terraform deploys."""
