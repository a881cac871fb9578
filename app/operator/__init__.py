"""What an operator asks of a running server or of a folder that no server holds."""
