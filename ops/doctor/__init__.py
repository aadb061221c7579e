"""`psr doctor`: is a deployment, or the local stack, well? Every check is made from the manifests."""
