"""What the server says of itself: log, counters, lag of the event loop."""
