"""Benchmark language models at turning text into JSON, one pytest item per example."""

__version__ = "0.1.0"
