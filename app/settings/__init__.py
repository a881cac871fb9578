"""Every setting of the server, read from the environment and a TOML file."""
