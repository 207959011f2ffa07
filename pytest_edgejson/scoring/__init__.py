"""From an output to its score."""
