"""What every step that asks a person has in common."""
