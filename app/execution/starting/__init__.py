"""New runs: whether one can be taken on, its id, and what it begins with."""
