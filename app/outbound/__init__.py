"""What goes out: requests to addresses that were checked when connecting."""
