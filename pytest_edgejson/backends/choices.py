"""What options and entries of models.toml may say: the only part of this room that a run without a model imports."""

from __future__ import annotations

DTYPES = ("auto", "float32", "bfloat16", "float16")

MAX_NEW_TOKENS = 2048

LOOPS = ("end", "keep")
"""What `loops` and `--edgejson-loops` may say."""

CONSTRAIN = ("none", "json", "schema", "both")
"""What `constrain` and `--edgejson-constrain` may say; with `both` a model runs free and held to the schemas."""

ENDPOINTS = ("chat", "completions", "llamacpp", "ollama")
"""What `endpoint` of a server's entry may say: `/chat/completions`, `/completions`, or llama.cpp's and Ollama's own."""

CONSTRAIN_FIELDS = ("response_format", "json_schema", "grammar", "structured_outputs", "guided_json", "format")
"""What `constrain_field` of a server's entry may say."""
