"""What is kept beside runs, one table or a few in each file."""
