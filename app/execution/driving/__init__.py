"""Carrying runs on: execute what is next, make it durable, look again."""
