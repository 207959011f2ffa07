"""What pytest calls, and what it shows."""
