"""What keeps a folder in good order: retention, backup, findings."""
