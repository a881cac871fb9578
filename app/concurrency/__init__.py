"""Who comes first, and long work beside the event loop."""
