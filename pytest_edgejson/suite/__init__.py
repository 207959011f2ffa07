"""Making and checking suites: values, records, the prompt's form, totals, build, check."""
