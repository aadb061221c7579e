"""`psr doctor`: does a deployment, or the local stack, work? Every check compares it with the manifests."""
