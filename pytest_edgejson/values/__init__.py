"""JSON values and text, and what is said of them."""
