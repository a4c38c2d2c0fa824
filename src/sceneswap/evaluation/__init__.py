"""Measuring models: which pairs, what is drawn, what is measured, and a record that says how."""
