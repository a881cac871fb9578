"""What a restart left behind is picked up, and suspects are put on trial."""
