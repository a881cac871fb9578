"""Versioned definitions: checked, stored, compiled when they are used."""

import asyncio
import re
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar
from weakref import WeakValueDictionary

from app.clock import Clock
from app.concurrency.first_come import until_kept
from app.concurrency.offload import offload
from engine import Json, JsonObject
from journal import DefinitionTable, NewVersion, VersionRow
from steps.document.bodies import step_count

_COMPILED = 500
_MANY_STEPS = 50


class DefinitionUnusable(Exception):
    """The definition of a stored version does not compile on this server any more."""

    def __init__(self, workflow_id: str, version: str, why: str) -> None:
        self.workflow_id, self.version, self.why = workflow_id, version, why
        super().__init__(f"version {version} of {workflow_id} cannot be used on this server: {why}")


class Compiled(Protocol):
    """A document that has been checked and compiled."""

    @property
    def document(self) -> JsonObject:
        """The document as it came."""
        ...

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def description(self) -> str:
        """What it is for."""
        ...

    @property
    def status(self) -> str:
        """`draft` or `testing`."""
        ...


C = TypeVar("C", bound=Compiled)


class Definitions(Generic[C]):
    """The definitions of one kind, of all tenants."""

    def __init__(
        self,
        table: DefinitionTable,
        compile_document: Callable[[Json], C],
        check_document: Callable[[Json], C],
        clock: Clock,
    ) -> None:
        """Keep definitions: what is saved has to pass `check_document`, which may be stricter."""
        self.table = table
        self._compile_document = compile_document
        self._check_document = check_document
        self._clock = clock
        self._compiled: OrderedDict[tuple[str, str, str, int], C] = OrderedDict()
        self._chosen: dict[tuple[str, str, str | None], VersionRow] = {}
        self._changes = 0
        self._updating: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def create(self, tenant: str, document: Json) -> VersionRow:
        """Check and store a new one. Raises `InvalidDefinition`, `DefinitionExists`."""
        return await self._store(tenant, await self._compile(document, self._check_document))

    async def _store(self, tenant: str, definition: C) -> VersionRow:
        wanted = definition.document.get("id")
        with self._changing():
            made_id = await self.table.create(
                tenant,
                self._new(definition),
                wanted_id=str(wanted) if wanted is not None else None,
                slug=slug(definition.name),
            )
        return await self.table.get(tenant, made_id, "latest")

    async def update(self, tenant: str, definition_id: str, changes: JsonObject) -> VersionRow:
        """Store the next version: the newest one with its top-level keys replaced.

        Raises `InvalidDefinition`, `NotFound`, `Archived`.
        """
        # Else one of two updates at once would undo what the other has changed, or compile again.
        one_at_a_time = self._updating.setdefault((tenant, definition_id), asyncio.Lock())
        async with one_at_a_time:
            version = await until_kept(lambda: self._changed(tenant, definition_id, changes))
        return await self.table.get(tenant, definition_id, version)

    async def _changed(self, tenant: str, definition_id: str, changes: JsonObject) -> str:
        newest = await self.table.get(tenant, definition_id, "latest")
        merged = {**newest.definition, "status": "draft", **changes, "id": definition_id}
        new = self._new(await self._compile(merged, self._check_document))
        with self._changing():
            return await self.table.add_version(tenant, definition_id, new, of=newest.version)

    async def clone(self, tenant: str, definition_id: str) -> VersionRow:
        """Copy the newest version as a new draft called "... (Copy)"."""
        newest = await self.table.get(tenant, definition_id, "latest")
        copy = {k: v for k, v in newest.definition.items() if k not in ("id", "status")}
        copy["name"] = f"{newest.name} (Copy)"
        # What was stored before the check knew a rule can be copied all the same.
        return await self._store(tenant, await self._compile(copy, self._compile_document))

    async def archive(self, tenant: str, definition_id: str) -> None:
        """Archive one; once more changes nothing."""
        with self._changing():
            await self.table.archive(tenant, definition_id, self._clock.now_ms())

    async def unarchive(self, tenant: str, definition_id: str) -> None:
        """Bring an archived one back as an unpublished draft. Raises `NotArchived`."""
        with self._changing():
            await self.table.unarchive(tenant, definition_id, self._clock.now_ms())

    async def publish(self, tenant: str, definition_id: str, version: str | None) -> VersionRow:
        """Move the published mark, to the newest version for None. Raises `UnknownVersion`."""
        with self._changing():
            number = await self.table.publish(tenant, definition_id, version, self._clock.now_ms())
        return await self.table.get(tenant, definition_id, number)

    async def delete(self, tenant: str, definition_id: str) -> None:
        """Delete an archived one for good. Raises `NotArchived`, `OpenRuns`."""
        with self._changing():
            await self.table.delete(tenant, definition_id)

    async def chosen(self, tenant: str, definition_id: str, selector: str | None) -> VersionRow:
        """Return the version a selector names; without one the published, else the latest.

        Kept in memory: every change goes through this object, or is told of by `forget_chosen`.
        Raises `NotFound`.
        """
        key = (tenant, definition_id, selector)
        if row := self._chosen.get(key):
            return row
        before = self._changes
        row = await self.table.chosen(tenant, definition_id, selector)
        if before == self._changes:
            if len(self._chosen) >= _COMPILED:
                self._chosen.clear()
            self._chosen[key] = row
        return row

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Forget what was chosen, also after a change of which nobody knows whether it was made."""
        try:
            yield
        finally:
            self._changes += 1
            self._chosen.clear()

    def forget_chosen(self) -> None:
        """Choose anew: another process may have changed definitions."""
        self._changes += 1
        self._chosen.clear()

    async def compile_row(self, tenant: str, row: VersionRow) -> C:
        """Compile once: a version never changes. Its creation time tells a recreated one."""
        key = (tenant, row.id, row.version, row.created_at_ms)
        definition = self._compiled.get(key)
        if definition is None:
            definition = await self._compile(row.definition, self._compile_document)
            self._compiled[key] = definition
            if len(self._compiled) > _COMPILED:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(key)
        return definition

    @staticmethod
    async def _compile(document: Json, compile_document: Callable[[Json], C]) -> C:
        """Compile, beside the event loop where there are many steps."""
        if step_count(document) > _MANY_STEPS:
            return await offload(lambda: compile_document(document))
        return compile_document(document)

    def _new(self, definition: C) -> NewVersion:
        kept = {k: v for k, v in definition.document.items() if k not in ("id", "status")}
        return NewVersion(
            definition.name, definition.description, kept, definition.status, self._clock.now_ms()
        )


def slug(name: str) -> str:
    """Return a name as an id: `Customer Onboarding` becomes `customer-onboarding`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:100].strip("-") or "workflow"
