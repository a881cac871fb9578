"""Stand-ins for the services that the examples use: a model, a mail server, a registry."""
