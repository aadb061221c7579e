#!/usr/bin/env bash
# Apply the plan $PLAN that the pipeline saved, with the files of its commit, if the pipeline's key signed it. Terraform refuses
# the plan if the environment has changed since. Run it again if it stops: what is done already stays done, and a new plan has
# only the rest.
set -euo pipefail
mkdir -p /tmp/saved && cd /tmp/saved
releases=gs://$PROJECT-psr-releases

gcloud storage cp "$releases/plans/$PLAN.tar.gz" "$releases/plans/$PLAN.tar.gz.sig" .
gcloud kms keys versions get-public-key 1 --key=releases --keyring=psr-pipeline --location="$REGION" --project="$PROJECT" --output-file=key.pem
openssl dgst -sha256 -verify key.pem -signature "$PLAN.tar.gz.sig" "$PLAN.tar.gz"
tar -xzf "$PLAN.tar.gz"

terraform -chdir=terraform init -input=false -lockfile=readonly -backend-config=bucket="$PROJECT-psr-state" -backend-config=prefix=psr
terraform -chdir=terraform apply -input=false -parallelism="$(cat dist/parallelism)" "../dist/$ENVIRONMENT.tfplan"

# What has run here may be promoted.
gcloud storage cp --no-clobber "dist/$ENVIRONMENT.release.json" "$releases/applied/$(cat dist/name).json"
