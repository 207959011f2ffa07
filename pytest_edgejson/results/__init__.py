"""What came out of a run, and what it adds up to."""
