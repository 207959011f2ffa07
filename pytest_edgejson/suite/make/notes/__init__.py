"""The suite `notes`: objects told in natural language, each value with the place in the text that says it."""
