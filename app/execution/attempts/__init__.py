"""One attempt of a step, and the services that the step uses during it."""
