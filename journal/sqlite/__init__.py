"""The one SQLite file: opened, locked, flushed, checkpointed, kept up and copied."""
