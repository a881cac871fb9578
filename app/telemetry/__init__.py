"""What the server reports about itself: log, counters, event loop lag, traces."""
