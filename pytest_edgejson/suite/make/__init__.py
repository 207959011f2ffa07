"""Making the bundled suites, and suites of rows."""
