"""What the commands write: one module per command, and what they share."""
