"""Several processes that share one journal: owners, locks and the bell."""
