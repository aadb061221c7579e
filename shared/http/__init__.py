"""HTTP: operations, access tokens, and responses."""
