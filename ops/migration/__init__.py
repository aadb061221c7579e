"""Migrations of millions of customers: reading their file, publishing it at a rate, telling what became of each."""
