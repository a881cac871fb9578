"""Sends events to other systems: signed, in order, until they are received."""
