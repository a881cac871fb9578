"""What models may be asked for: limits, budgets, and what has been spent."""
