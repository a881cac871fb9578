"""Small servers that stand in for what the examples talk to: a model, a mail server, a registry."""
