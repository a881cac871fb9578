"""The results, failures and usage of child runs, for the steps that start them."""
