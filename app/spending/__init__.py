"""Spending on models: limits, budgets, and what has been used."""
