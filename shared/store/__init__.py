"""Firestore: the only place that talks to it."""
