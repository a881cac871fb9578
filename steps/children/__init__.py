"""Child runs, as the steps that start them see their results, failures and usage."""
