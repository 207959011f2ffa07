"""Answers held to a grammar while they are generated: JSON mode and JSON Schema mode."""
