"""What requests ask for: their bodies and queries as models, starts, answers and signals."""
