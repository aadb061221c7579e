"""How fast and how dear the service is, against what is possible and what people would pick instead: `make bench`."""
