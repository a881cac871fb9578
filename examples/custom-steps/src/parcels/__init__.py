"""Ships parcels: a step type and a tool for Stepwell."""
