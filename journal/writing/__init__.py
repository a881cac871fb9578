"""The one writer: what gathers for it, its transactions, and whether it may go on."""
