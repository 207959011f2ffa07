"""Models that run on this machine, with torch."""
