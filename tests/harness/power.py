"""The possible contents of a disk after a power cut, computed from a record of operations.

What a flush covered is on disk. Later operations may have reached the disk or not, in any order
and in part: each 512-byte sector independently. A failed flush decides immediately what is lost:
the kernel does not retry those writes, although reads still return them.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.harness.vfs import Op

SECTOR = 512


@dataclass(slots=True)
class Platter:
    """One file: its contents surely on disk, and later operations with their place in a record."""

    durable: bytearray | None = None
    since: list[tuple[int, Op]] = field(default_factory=list)

    def flush(self, began: int) -> None:
        """Put everything on disk that was done before `began`."""
        for at, op in self.since:
            if at < began:
                self.durable = _done(self.durable, op)
        self.since = [(at, op) for at, op in self.since if at >= began]

    def flush_badly(self, began: int, chance: random.Random) -> None:
        """Let a flush fail: some operations reach the disk, the others are lost for good."""
        for at, op in self.since:
            if at < began:
                self.durable = _perhaps(self.durable, op, chance.choice((0.0, 0.5, 1.0)), chance)
        self.since = [(at, op) for at, op in self.since if at >= began]

    def after_a_cut(self, chance: random.Random) -> bytes | None:
        """Return the possible contents after a power cut; None if the file does not exist."""
        image = None if self.durable is None else bytearray(self.durable)
        for_all = chance.choice((0.0, 0.5, 0.9, 1.0, None))
        for _, op in self.since:
            share = chance.choice((0.0, 0.5, 1.0)) if for_all is None else for_all
            image = _perhaps(image, op, share, chance)
        return None if image is None else bytes(image)


def cuts(
    ops: Sequence[Op],
    base: Mapping[str, bytes],
    places: Sequence[int],
    chance: random.Random,
) -> Iterator[tuple[int, dict[str, bytes]]]:
    """Yield, for each place in the record, the possible files after a power cut there."""
    disk = {name: Platter(bytearray(content)) for name, content in base.items()}
    wanted = sorted(places, reverse=True)
    for at, op in enumerate(ops):
        while wanted and wanted[-1] == at:
            yield wanted.pop(), _files(disk, chance)
        platter = disk.setdefault(op.file, Platter())
        if op.kind == "sync":
            platter.flush(op.began)
        elif op.kind == "failed_sync":
            platter.flush_badly(op.began, chance)
        elif op.kind != "ack":
            platter.since.append((at, op))
    for at in reversed(wanted):
        yield at, _files(disk, chance)


def lay_out(folder: Path, files: Mapping[str, bytes]) -> None:
    """Replace the files of a database in a folder by exactly these."""
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, content in {"stepwell.json": b"{}", **files}.items():
        (folder / name).write_bytes(content)


def _files(disk: Mapping[str, Platter], chance: random.Random) -> dict[str, bytes]:
    images = {name: platter.after_a_cut(chance) for name, platter in disk.items()}
    return {name: image for name, image in images.items() if name and image is not None}


def _done(image: bytearray | None, op: Op) -> bytearray | None:
    if op.kind == "delete":
        return None
    image = bytearray() if image is None else image
    end = op.at if op.kind == "truncate" else op.at + len(op.data)
    image.extend(bytes(max(0, end - len(image))))
    if op.kind == "truncate":
        del image[end:]
    else:
        image[op.at : end] = op.data
    return image


def _perhaps(
    image: bytearray | None, op: Op, share: float, chance: random.Random
) -> bytearray | None:
    """Apply each sector of a write with probability `share`, any other operation wholly or not."""
    if share == 1.0:
        return _done(image, op)
    if share == 0.0:
        return image
    if op.kind != "write":
        return _done(image, op) if chance.random() < share else image
    at, end = op.at, op.at + len(op.data)
    while at < end:
        until = min(end, (at // SECTOR + 1) * SECTOR)
        if chance.random() < share:
            image = _done(image, Op("write", op.file, at, op.data[at - op.at : until - op.at]))
        at = until
    return image
