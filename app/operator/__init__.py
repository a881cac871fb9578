"""An operator's commands to a running server, or to a data folder that no server has open."""
