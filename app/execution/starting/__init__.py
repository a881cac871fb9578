"""New runs: whether one is accepted, its id, and what it starts with."""
