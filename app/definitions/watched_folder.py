"""Watches a folder of definitions: a file that is saved there is stored and published at once.

For development on one's own machine. If a file cannot be used, the published version stays as it
is, and the file's problems are kept until it can be used.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.clock import Clock
from app.definitions.agents import Agents
from app.definitions.definition_files import (
    FileDefinition,
    FileUnusable,
    changes,
    files_of,
    normal,
    read_file,
)
from app.definitions.json_lines import line_of
from app.definitions.workflows import Workflows
from engine.value import value
from journal import Archived, ChangeNote, NotFound, changing
from steps.contract.step_type import Problem
from steps.document.kind import Kind
from steps.document.problems import InvalidDefinition

EVERY_S = 0.3
WHO = "stepwell dev"


@value(frozen=True, slots=True)
class LineProblem:
    """A problem in a file; line 0 if it concerns no single line."""

    line: int
    path: str
    message: str


@value(frozen=True, slots=True)
class WatchedFile:
    """The state of a file.

    Attributes:
        name: Its path inside the folder.
        id: The id of its definition; empty if the file cannot be read.
        version: The version that was last published from it.
        done: `created`, `updated`, `unchanged`, or `refused`.
        at_ms: When that was.
    """

    name: str
    kind: Kind | None
    id: str
    version: str
    done: str
    at_ms: int
    problems: tuple[LineProblem, ...] = ()


Stamp = tuple[int, int]


@dataclass(slots=True)
class WatchedFolder:
    """Watches a folder for a tenant; `tell` is called for each file that has changed."""

    folder: Path
    tenant: str
    workflows: Workflows
    agents: Agents
    clock: Clock
    tell: Callable[[WatchedFile], None]
    files: dict[str, WatchedFile] = field(default_factory=dict)
    _stamps: dict[Path, Stamp] = field(default_factory=dict)

    @property
    def with_problems(self) -> list[WatchedFile]:
        """The files that cannot be used as they are."""
        return [item for _, item in sorted(self.files.items()) if item.problems]

    async def watch(self) -> None:
        """Check the folder again and again until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Store and publish what has changed since the last check."""
        try:
            stamps = await asyncio.to_thread(_stamps_of, self.folder)
        except FileUnusable as unusable:
            self._note(
                WatchedFile(
                    ".", None, "", "", "refused", self.clock.now_ms(), (_problem(unusable),)
                )
            )
            return
        self.files.pop(".", None)
        for path in self._stamps.keys() - stamps.keys():
            self.files.pop(self._name(path), None)
        changed = [path for path, stamp in stamps.items() if self._stamps.get(path) != stamp]
        self._stamps = stamps
        for path in sorted(changed):
            await self._take(path)

    async def _take(self, path: Path) -> None:
        name = self._name(path)
        before = self.files.get(name)
        version = before.version if before else ""
        try:
            item = await asyncio.to_thread(read_file, path)
        except FileUnusable as unusable:
            refused = (_problem(unusable),)
            self._note(
                WatchedFile(name, None, "", version, "refused", self.clock.now_ms(), refused)
            )
            return
        if item is None:
            self.files.pop(name, None)
            return
        done = "unchanged"
        problems: tuple[LineProblem, ...] = ()
        try:
            done, version = await self._store(item)
        except InvalidDefinition as invalid:
            done, problems = "refused", _with_lines(item, invalid.problems)
        except Archived as refused:
            done, problems = "refused", (LineProblem(0, "", str(refused)),)
        self._note(
            WatchedFile(name, item.kind, item.id, version, done, self.clock.now_ms(), problems)
        )

    async def _store(self, item: FileDefinition) -> tuple[str, str]:
        """Store and publish a definition; return what was done, and the version."""
        kept: Any = self.workflows if item.kind == "workflow" else self.agents
        target = f"/api/{item.kind}s/{item.id}"
        with changing(
            ChangeNote(self.tenant, self.clock.now_ms(), WHO, f"push{item.kind.title()}", target)
        ):
            try:
                newest = await kept.table.get(self.tenant, item.id, "latest")
            except NotFound:
                done = "created"
                row = await kept.create(self.tenant, {**item.document, "id": item.id})
            else:
                if normal(item.kind, newest.definition) == item.document:
                    done, row = "unchanged", newest
                else:
                    done = "updated"
                    body = changes(item.kind, newest.definition, item.document)
                    row = await kept.update(self.tenant, item.id, body)
        if row.status != "published":
            row = await kept.publish(self.tenant, item.id, row.version)
        return done, row.version

    def _note(self, file: WatchedFile) -> None:
        before = self.files.get(file.name)
        self.files[file.name] = file
        same = before and (before.done, before.problems) == (file.done, file.problems)
        if not same or file.done in ("created", "updated"):
            self.tell(file)

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self.folder))


def _stamps_of(folder: Path) -> dict[Path, Stamp]:
    found = {}
    for path in files_of([folder]):
        try:
            stat = path.stat()
        except OSError:
            continue  # it was removed meanwhile
        found[path] = (stat.st_mtime_ns, stat.st_size)
    return found


def _problem(unusable: FileUnusable) -> LineProblem:
    return LineProblem(unusable.line, "", unusable.what)


def _with_lines(item: FileDefinition, problems: tuple[Problem, ...]) -> tuple[LineProblem, ...]:
    lines = item.text.lines()
    return tuple(
        LineProblem(line_of(lines, problem.path), problem.path, problem.message)
        for problem in problems
    )
