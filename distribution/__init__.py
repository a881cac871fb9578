"""Builds the distributions from a checkout: a single file, an image and a Debian package."""
