"""What joins rules and storage: apply an event, end what is over, erase, resend, replay."""
