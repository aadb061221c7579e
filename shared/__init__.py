"""What the functions share. Each function's bundle carries only the modules that it imports."""
