"""What a step type is: its settings, one call, its outcomes, its errors and records."""
