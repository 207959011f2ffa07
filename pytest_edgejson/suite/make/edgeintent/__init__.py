"""EdgeIntent: what a person wants, and of what."""
