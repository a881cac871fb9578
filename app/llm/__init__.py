"""Chat models: who there is, one file a provider, failures as outcomes of a step."""
