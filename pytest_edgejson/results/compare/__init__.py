"""Two models, or two runs, case by case."""
