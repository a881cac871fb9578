"""One attempt of a step, and what the step reaches meanwhile."""
