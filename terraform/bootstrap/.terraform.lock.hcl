# Which providers `terraform init` installs. `nox -s providers` rewrites this file.

provider "registry.terraform.io/hashicorp/google" {
  version     = "7.46.1"
  constraints = "~> 7.12"
}

provider "registry.terraform.io/hashicorp/google-beta" {
  version     = "7.46.1"
  constraints = "~> 7.12"
}

provider "registry.terraform.io/hashicorp/time" {
  version     = "0.14.2"
  constraints = "~> 0.13"
}
