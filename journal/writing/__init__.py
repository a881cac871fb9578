"""The single writer: the queue of writes, its transactions, and whether it may continue."""
