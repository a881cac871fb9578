"""Chat models: which there are, and how each provider is spoken to."""
