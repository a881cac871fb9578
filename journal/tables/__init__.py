"""What is stored beside runs; each file has one table or a few."""
