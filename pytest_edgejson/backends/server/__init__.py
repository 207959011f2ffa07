"""Models behind a server: hosted ones, vLLM, llama.cpp, Ollama, LM Studio and others that speak as OpenAI does."""
