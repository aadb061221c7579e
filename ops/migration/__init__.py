"""Migrations of millions of customers: read their file, publish it at a rate, show the outcome of each record."""
