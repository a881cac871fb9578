"""Records with the same meaning for every step type."""

from engine import Json, Record

CHILD_USAGE = "childUsage"
"""The key under which a record stores the model usage of child runs."""

KEPT = "kept"
"""The record that lists what a rerun takes over from the earlier run: `runId` and `records`."""


def kept_names(record: "Record | None") -> frozenset[str]:
    """Return the names of the records that a visit took over from an earlier run."""
    return names_kept(record.value) if record else frozenset()


def names_kept(value: Json) -> frozenset[str]:
    """Return the names that the value of the record `KEPT` lists."""
    names = value.get("records") if isinstance(value, dict) else None
    return frozenset(map(str, names)) if isinstance(names, list) else frozenset()
