"""What goes out to others: whom it may reach, by which way, and what comes back."""
