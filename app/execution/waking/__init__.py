"""What lets a waiting run go on: timers, places, child runs; and the notices of pauses."""
