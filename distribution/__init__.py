"""What people install: one file, an image, a Debian package; made from a checkout."""
