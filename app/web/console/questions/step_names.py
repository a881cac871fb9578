"""The names of the steps that ask."""

from app.web.endpoint import Call
from journal import NotFound, PausedRow
from steps.document.bodies import body_at

VersionKey = tuple[str, str, str | None]
"""A workflow, its version and a body of its document."""


class StepNames:
    """Looks the names of steps up, each version once."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._known: dict[VersionKey, dict[str, str]] = {}

    async def of(self, row: PausedRow) -> dict[str, str]:
        """Return the names of a version's steps by id, and its own name under the empty one."""
        key = (row.workflow_id, row.version, row.body)
        if key not in self._known:
            self._known[key] = await self._found(row)
        return self._known[key]

    async def _found(self, row: PausedRow) -> dict[str, str]:
        try:
            found = await self._call.services.workflows.chosen(
                self._call.tenant, row.workflow_id, row.version
            )
        except NotFound:
            return {"": row.workflow_id}
        steps = body_at(found.definition, row.body or "").get("steps")
        named = {
            str(step.get("id")): str(step["name"])
            for step in (steps if isinstance(steps, list) else [])
            if isinstance(step, dict) and step.get("name")
        }
        return {**named, "": found.name}
