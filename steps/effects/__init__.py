"""The effects of a step on the outside world, and the values that they exchange."""
