"""What continues waiting runs: timers, places, child runs; and the notices of pauses."""
