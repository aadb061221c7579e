"""Hold planned resources against what Google's APIs say of themselves, documented limits, and needed grants.

Terraform's own validation knows the provider's schema only. `python -m tools.plan_check FILE` reads the JSON of
`terraform show -json`, of a plan or of a state.
"""
