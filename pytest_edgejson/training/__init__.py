"""`edgejson train`: models from scratch on generated records, and LoRA adapters on a base."""
