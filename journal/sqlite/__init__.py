"""The SQLite file: opening, locking, flushing, checkpoints, upkeep and copies."""
