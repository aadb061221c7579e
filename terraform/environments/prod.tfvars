# The values of prod. variables.tf and bootstrap/variables.tf describe each one, and those that are left out.

project     = "example-psr-prod"
region      = "europe-west2"
environment = "prod"

protected              = true
warm                   = true
exports_retention_days = 30
log_days               = 90
# Cannot be undone. Set it to true when the service goes live (docs/deploy.md).
lock_retention = false

front_door = {
  domain = "psr.example.org"
}

# Leave it out if you have frontends of your own.
pages = {
  domain    = "priority.example.org"
  issuer    = "https://login.prod.example.org/"
  client_id = "psr-pages"
}

alert_emails = ["psr-prod@example.org"]
operators    = ["group:psr-operators@example.org"]

settings = {
  export_first_day = "2026-12-01"
  supplier_mpid    = "SUPP"
  test_data_flag   = "OPER"
  token_audience   = "psr-api"
  token_issuer     = "https://login.prod.example.org/"
  token_jwks_uri   = "https://login.prod.example.org/.well-known/jwks.json"
}
