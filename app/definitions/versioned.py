"""Versioned definitions: checked and stored when saved, compiled when used."""

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
from steps.language.beside import is_long

_COMPILED = 500
_MANY_VALUES = 500
"""A document with more values than this is checked and compiled beside the event loop."""


class DefinitionUnusable(Exception):
    """A stored version no longer compiles on this server."""

    def __init__(self, workflow_id: str, version: str, why: str) -> None:
        self.workflow_id, self.version, self.why = workflow_id, version, why
        super().__init__(f"version {version} of {workflow_id} cannot be used on this server: {why}")


class Compiled(Protocol):
    """A document that has been checked and compiled."""

    @property
    def document(self) -> JsonObject:
        """The document as it was sent."""
        ...

    @property
    def name(self) -> str:
        """The name that people see."""
        ...

    @property
    def description(self) -> str:
        """What the definition is for."""
        ...

    @property
    def status(self) -> str:
        """`draft` or `testing`."""
        ...


C = TypeVar("C", bound=Compiled)
T = TypeVar("T")


class Definitions(Generic[C]):
    """The definitions of one kind, of all tenants.

    Attributes:
        changes: Grows whenever one of them may have changed.
    """

    def __init__(
        self,
        table: DefinitionTable,
        compile_document: Callable[[Json], C],
        check_document: Callable[[Json], C],
        clock: Clock,
    ) -> None:
        """Store definitions; what is saved must pass `check_document`, which may be stricter."""
        self.table = table
        self._compile_document = compile_document
        self._check_document = check_document
        self._clock = clock
        self._compiled: OrderedDict[tuple[str, str, str, int], C] = OrderedDict()
        self._chosen: dict[tuple[str, str, str | None], VersionRow] = {}
        self.changes = 0
        self._updating: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def create(self, tenant: str, document: Json) -> VersionRow:
        """Check and store a new definition. Raises `InvalidDefinition`, `DefinitionExists`."""
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
        # Without the lock, one of two updates at once would undo the other, or compile again.
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
        # A definition that was stored before the check had some rule can still be copied.
        return await self._store(tenant, await self._compile(copy, self._compile_document))

    async def archive(self, tenant: str, definition_id: str) -> None:
        """Archive a definition; archiving it again changes nothing."""
        with self._changing():
            await self.table.archive(tenant, definition_id, self._clock.now_ms())

    async def unarchive(self, tenant: str, definition_id: str) -> None:
        """Restore an archived definition as an unpublished draft. Raises `NotArchived`."""
        with self._changing():
            await self.table.unarchive(tenant, definition_id, self._clock.now_ms())

    async def publish(self, tenant: str, definition_id: str, version: str | None) -> VersionRow:
        """Mark a version as published, the newest one for None. Raises `UnknownVersion`."""
        with self._changing():
            number = await self.table.publish(tenant, definition_id, version, self._clock.now_ms())
        return await self.table.get(tenant, definition_id, number)

    async def delete(self, tenant: str, definition_id: str) -> None:
        """Delete an archived definition for good. Raises `NotArchived`, `OpenRuns`."""
        with self._changing():
            await self.table.delete(tenant, definition_id)

    async def chosen(self, tenant: str, definition_id: str, selector: str | None) -> VersionRow:
        """Return the version a selector names; without one the published, otherwise the latest.

        The answer is kept in memory: every change goes through this object, or another process's
        change makes `forget_chosen` be called. Raises `NotFound`.
        """
        key = (tenant, definition_id, selector)
        if row := self._chosen.get(key):
            return row
        before = self.changes
        row = await self.table.chosen(tenant, definition_id, selector)
        if before == self.changes:
            if len(self._chosen) >= _COMPILED:
                self._chosen.clear()
            self._chosen[key] = row
        return row

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Forget the chosen versions after a change, even if it may not have been made."""
        try:
            yield
        finally:
            self.changes += 1
            self._chosen.clear()

    def forget_chosen(self) -> None:
        """Forget the chosen versions: another process may have changed definitions."""
        self.changes += 1
        self._chosen.clear()

    async def compile_row(self, tenant: str, row: VersionRow) -> C:
        """Compile a version once, since it never changes.

        Its creation time distinguishes it from one that was deleted and created again.
        """
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
        return await beside_if_long(document, lambda: compile_document(document))

    def _new(self, definition: C) -> NewVersion:
        kept = {k: v for k, v in definition.document.items() if k not in ("id", "status")}
        return NewVersion(
            definition.name, definition.description, kept, definition.status, self._clock.now_ms()
        )


async def beside_if_long(document: Json, work: Callable[[], T]) -> T:
    """Do some work on a whole document, in a thread beside the event loop if it is long."""
    return await offload(work) if is_long([document], _MANY_VALUES) else work()


def slug(name: str) -> str:
    """Return a name as an id: `Customer Onboarding` becomes `customer-onboarding`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:100].strip("-") or "workflow"
