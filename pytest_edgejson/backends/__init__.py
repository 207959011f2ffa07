"""From a case to its completion: what runs a model."""
