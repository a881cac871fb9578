"""What a disk may hold after a power cut, worked out from a record of what was done to it.

What a flush covered is there. Everything since may have reached the disk or not, in any
order and in parts: each 512-byte sector for itself. A flush that failed decides at once what
is lost: the kernel tries those writes never again, though reading still shows them.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.harness.vfs import Op

SECTOR = 512


@dataclass(slots=True)
class Platter:
    """One file: what is surely on disk, and what was done since, with the place in the record."""

    durable: bytearray | None = None
    since: list[tuple[int, Op]] = field(default_factory=list)

    def flush(self, began: int) -> None:
        """Bring everything to disk that was done before `began`."""
        for at, op in self.since:
            if at < began:
                self.durable = _done(self.durable, op)
        self.since = [(at, op) for at, op in self.since if at >= began]

    def flush_badly(self, began: int, chance: random.Random) -> None:
        """Let a flush fail: some of it is on disk, and nothing of it will be written later."""
        for at, op in self.since:
            if at < began:
                self.durable = _perhaps(self.durable, op, chance.choice((0.0, 0.5, 1.0)), chance)
        self.since = [(at, op) for at, op in self.since if at >= began]

    def after_a_cut(self, chance: random.Random) -> bytes | None:
        """Return what a power cut may leave; None when there is no such file."""
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
    """Give, for each place in the record, what a power cut there may leave of the files."""
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
    """Make a folder hold exactly these files of a database that has been used before."""
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
    """Do each sector of a write with the probability `share`, anything else wholly or not."""
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
