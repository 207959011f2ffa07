"""What must hold for a release."""
