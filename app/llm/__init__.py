"""Chat models: which there are, one file per provider, and failures as outcomes of a step."""
