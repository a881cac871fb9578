"""The guide: the pages of `docs/` as a site, at `/guide`."""
