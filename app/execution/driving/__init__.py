"""How a run is carried on: what is due is done, made durable, and looked at again."""
