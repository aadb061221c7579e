"""Flows that join rules and storage: apply an event, expire needs, erase, resend, replay."""
