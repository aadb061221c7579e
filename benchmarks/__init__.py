"""Speed and cost of the service, compared with raw client calls and a conventional implementation: `make bench`."""
