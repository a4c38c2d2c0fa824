"""What is past one machine, measured here and computed from there: docs/scale.md."""
