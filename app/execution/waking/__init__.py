"""What has a waiting run go on: time, places, child runs; and notices of pauses."""
