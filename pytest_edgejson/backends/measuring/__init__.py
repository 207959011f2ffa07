"""What a model costs on this machine: time, memory and energy, one case at a time."""
