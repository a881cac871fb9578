"""Messages as Outlook saves them (MS-OXMSG): properties in a compound file (MS-CFB)."""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

Storage: TypeAlias = "Mapping[str, bytes | Storage]"

_SUBJECT, _BODY, _CLASS, _CONTENT, _NAME = 0x0037, 0x1000, 0x001A, 0x3701, 0x3707
_TEXT, _BINARY, _OBJECT = 0x001F, 0x0102, 0x000D
_SECTOR, _SMALL_SECTOR, _SMALL = 512, 64, 4096
_NONE, _END, _TABLE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_STORAGE, _STREAM, _ROOT = 1, 2, 5


def message(subject: str, body: str, *attached: Storage, kind: str = "IPM.Note") -> Storage:
    """Return a message; `outlook_file` makes a file of it."""
    texts = {_SUBJECT: subject, _BODY: body, _CLASS: kind}
    found: dict[str, bytes | Storage] = {"__properties_version1.0": bytes(32)}
    found |= {_name(tag): text.encode("utf-16-le") for tag, text in texts.items() if text}
    return found | {f"__attach_version1.0_#{i:08X}": item for i, item in enumerate(attached)}


def attachment(content: "bytes | Storage", name: str) -> Storage:
    """Return what is attached to a message: bytes, or a message."""
    kind = _BINARY if isinstance(content, bytes) else _OBJECT
    named = {_name(_NAME): name.encode("utf-16-le")} if name else {}
    return {"__properties_version1.0": bytes(8), _name(_CONTENT, kind): content, **named}


def _name(tag: int, kind: int = _TEXT) -> str:
    return f"__substg1.0_{tag:04X}{kind:04X}"


def outlook_file(root: Storage) -> bytes:
    """Return a compound file of these streams and storages."""
    entries: list[_Entry] = []
    _add(entries, "Root Entry", root, _ROOT)
    sectors, small = _Sectors(_SECTOR), _Sectors(_SMALL_SECTOR)
    for entry in entries:
        kept = small if len(entry.content) < _SMALL else sectors
        entry.first = kept.store(entry.content)
    entries[0].content = b"".join(small.content)
    entries[0].first = sectors.store(entries[0].content)
    small_table = sectors.store(_numbers(small.following))
    directory = sectors.store(b"".join(entry.written() for entry in entries))
    used = len(sectors.following)
    count = 1
    while (used + count) * 4 > count * _SECTOR:
        count += 1
    table = _numbers([*sectors.following, *[_TABLE] * count])
    head = struct.pack(
        "<8s16xHHHHH6xIIIIIIIII", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3E, 3, 0xFFFE, 9, 6,
        0, count, directory, 0, _SMALL, small_table, -(-len(small.following) * 4 // _SECTOR),
        _END, 0,
    )  # fmt: skip
    head += _numbers(range(used, used + count))
    parts = (head, *sectors.content, table)
    return b"".join(part.ljust(-(-len(part) // _SECTOR) * _SECTOR, b"\xff") for part in parts)


@dataclass(slots=True)
class _Entry:
    """An entry of the directory; `beside` and `below` are numbers of others."""

    name: str
    kind: int
    content: bytes = b""
    beside: int = _NONE
    below: int = _NONE
    first: int = _END

    def written(self) -> bytes:
        name = f"{self.name}\0".encode("utf-16-le")
        numbers = struct.pack("<HBBIII", len(name), self.kind, 1, _NONE, self.beside, self.below)
        return name.ljust(64, b"\0") + numbers + bytes(36) + struct.pack(
            "<IQ", self.first, len(self.content)
        )  # fmt: skip


class _Sectors:
    """Sectors of one size, and for each the number of the one that follows it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.content: list[bytes] = []
        self.following: list[int] = []

    def store(self, content: bytes) -> int:
        """Add sectors; return the number of the first."""
        first = len(self.following)
        pieces = [content[at : at + self._size] for at in range(0, len(content), self._size)]
        self.content += [piece.ljust(self._size, b"\0") for piece in pieces]
        self.following += [first + number for number in range(1, len(pieces))]
        self.following += [_END] * bool(pieces)
        return first if pieces else _END


def _add(entries: list[_Entry], name: str, content: "bytes | Storage", kind: int) -> int:
    number = len(entries)
    entry = _Entry(name, kind)
    entries.append(entry)
    if isinstance(content, bytes):
        entry.content = content
        return number
    for inner, value in content.items():
        beside = entry.below
        below = _STREAM if isinstance(value, bytes) else _STORAGE
        entry.below = _add(entries, inner, value, below)
        entries[entry.below].beside = beside
    return number


def _numbers(numbers: Iterable[int]) -> bytes:
    return b"".join(struct.pack("<I", number) for number in numbers)
