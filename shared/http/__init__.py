"""HTTP: one way to declare an operation, to check a token, to answer a problem."""
