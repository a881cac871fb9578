"""What happened, sent to others: signed, in order, until they have it."""
