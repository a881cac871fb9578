"""Parses what arrives: JSON, forms' parts, headers and definitions, strictly."""
