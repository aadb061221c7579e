"""The whole service on one machine: real emulators, every function as its own process, a front door and an issuer."""
