"""The field-level diff of one answer."""
