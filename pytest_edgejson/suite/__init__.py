"""What is asked: cases, their schemas, and whether both are sound."""
