# The values of dev. variables.tf and bootstrap/variables.tf describe each one, and those that are left out.

project     = "example-psr-dev"
region      = "europe-west2"
environment = "dev"

protected              = false
warm                   = false
exports_retention_days = 0

alert_emails = ["psr-dev@example.org"]
# People who deploy from their own machines. An environment with real data has none: see docs/deploy.md.
deployers = ["group:psr-team@example.org"]
operators = ["group:psr-team@example.org"]

settings = {
  export_first_day = "2026-12-01"
  supplier_mpid    = "SUPP"
  test_data_flag   = "TR01"
  token_audience   = "psr-api"
  token_issuer     = "https://login.dev.example.org/"
  token_jwks_uri   = "https://login.dev.example.org/.well-known/jwks.json"
}
