"""What happened, told to those outside: names, documents, streams."""
