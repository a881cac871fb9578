"""What people may do to a run, checked against what it waits for and its definition."""
