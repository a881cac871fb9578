"""The contract of a step type: its settings, its one call, its outcomes, errors and records."""
