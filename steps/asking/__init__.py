"""Settings and pauses that all steps that ask a person share."""
