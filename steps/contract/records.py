"""Records of a visit: those with the same meaning for every step type, and how to keep a value."""

from engine import Json, Record
from steps.effects.effects import Effects

CHILD_USAGE = "childUsage"
"""The key under which a record stores the model usage of child runs."""

KEPT = "kept"
"""The record that lists what a rerun takes over from the earlier run: `runId` and `records`."""


async def keep(effects: Effects, name: str, value: Json) -> Json:
    """Record a value that is known already; return the record, which may be an earlier one."""

    async def known() -> Json:
        return value

    return await effects.record(name, known)


def kept_names(record: "Record | None") -> frozenset[str]:
    """Return the names of the records that a visit took over from an earlier run."""
    return names_kept(record.value) if record else frozenset()


def names_kept(value: Json) -> frozenset[str]:
    """Return the names that the value of the record `KEPT` lists."""
    names = value.get("records") if isinstance(value, dict) else None
    return frozenset(map(str, names)) if isinstance(names, list) else frozenset()
