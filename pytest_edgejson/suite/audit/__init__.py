"""Whether a suite is sound: what cannot be right, and what is doubtful."""
