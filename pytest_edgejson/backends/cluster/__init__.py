"""Models in the actors of a Ray cluster, several at once."""
