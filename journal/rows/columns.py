"""Statements of tables, made from the fields of their rows, so that an order is stated once."""

from dataclasses import fields
from typing import Any

KEEP_ENTRY = (
    "INSERT INTO meta (key, value) VALUES (?, ?)"
    " ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)
"""Writes one entry of `meta`, which replaces an earlier one of its key."""


def columns(row: type[Any], **kept_as: str) -> str:
    """Return the columns from which a dataclass is made, in the order of its fields.

    Args:
        row: The dataclass.
        kept_as: By field, the column or expression that it is, where that has another name.
    """
    return ", ".join(kept_as.get(field.name, field.name) for field in fields(row))


def insert_into(table: str, row: type[Any], **kept_as: str) -> str:
    """Return the statement that adds a row, to which its values are bound in that order."""
    marks = ", ".join("?" for _ in fields(row))
    return f"INSERT INTO {table} ({columns(row, **kept_as)}) VALUES ({marks})"
