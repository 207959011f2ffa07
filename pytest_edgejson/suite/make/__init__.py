"""Making the bundled suite."""
