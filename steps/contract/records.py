"""Records that mean the same for every step type, beside what each keeps for itself."""

from engine import Json, Record

CHILD_USAGE = "childUsage"
"""The key under which a record tells what child runs have asked of models."""

KEPT = "kept"
"""The record that names those which a rerun has from the run before: `runId` and `records`."""


def kept_names(record: "Record | None") -> frozenset[str]:
    """Return the names of the records that a visit has from an earlier run."""
    return names_kept(record.value) if record else frozenset()


def names_kept(value: Json) -> frozenset[str]:
    """Return the names that the value of the record `KEPT` lists."""
    names = value.get("records") if isinstance(value, dict) else None
    return frozenset(map(str, names)) if isinstance(names, list) else frozenset()
