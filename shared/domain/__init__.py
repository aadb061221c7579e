"""The rules of the register: pure functions and immutable models, no input or output."""
