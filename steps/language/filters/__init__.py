"""The filters and functions that expressions may use."""
