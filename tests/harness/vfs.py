"""The disk under SQLite, observed and made to fail from inside the process.

SQLite accesses the disk through a table of functions, the VFS. This module puts its own VFS in
front of the default one, in the library that Python's `sqlite3` uses, so that the code under test
runs unchanged. While a `Disk` watches a folder, every write, truncation, flush and deletion there
is recorded in order, and any of them can be made to fail.
"""

import _sqlite3
import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_int64, c_void_p
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OK = 0
FULL = 13
IOERR_READ = 266
IOERR_WRITE = 778
IOERR_FSYNC = 1034
IOERR_TRUNCATE = 1546
CANTOPEN = 14

_Read = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_Truncate = CFUNCTYPE(c_int, c_void_p, c_int64)
_Sync = CFUNCTYPE(c_int, c_void_p, c_int)
_Close = CFUNCTYPE(c_int, c_void_p)
# The name is passed as an address: SQLite keeps data behind the text, and the file keeps the name.
_Open = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_Delete = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)


class _Methods(ctypes.Structure):
    """sqlite3_io_methods: the operations on one open file."""

    _fields_ = [
        ("iVersion", c_int),
        *(
            (name, c_void_p)
            for name in (
                "xClose", "xRead", "xWrite", "xTruncate", "xSync", "xFileSize", "xLock",
                "xUnlock", "xCheckReservedLock", "xFileControl", "xSectorSize",
                "xDeviceCharacteristics", "xShmMap", "xShmLock", "xShmBarrier", "xShmUnmap",
                "xFetch", "xUnfetch",
            )
        ),
    ]  # fmt: skip


class _File(ctypes.Structure):
    """sqlite3_file: the state of an open file."""

    _fields_ = [("methods", POINTER(_Methods))]


class _Vfs(ctypes.Structure):
    """sqlite3_vfs, version 3."""

    _fields_ = [
        ("iVersion", c_int), ("szOsFile", c_int), ("mxPathname", c_int), ("pNext", c_void_p),
        ("zName", c_char_p), ("pAppData", c_void_p),
        *(
            (name, c_void_p)
            for name in (
                "xOpen", "xDelete", "xAccess", "xFullPathname", "xDlOpen", "xDlError", "xDlSym",
                "xDlClose", "xRandomness", "xSleep", "xCurrentTime", "xGetLastError",
                "xCurrentTimeInt64", "xSetSystemCall", "xGetSystemCall", "xNextSystemCall",
            )
        ),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Op:
    """One recorded operation.

    Attributes:
        kind: write, truncate, sync, failed_sync, delete, or ack.
        file: The file's name in the folder.
        at: The offset of a write, or the size that a truncation leaves.
        began: For a flush, the number of operations recorded when it began.
        ack: What was acknowledged, for an ack.
        thread: The thread of the operation.
    """

    kind: str
    file: str = ""
    at: int = 0
    data: bytes = b""
    began: int = 0
    ack: Any = None
    thread: int = field(default_factory=threading.get_ident)


@dataclass(slots=True)
class Fault:
    """The operations that fail, and how.

    Attributes:
        kind: open, read, write, truncate, sync or delete.
        nth: The first one that fails, counted from 1 since the fault was set.
        times: How many fail in a row; None: all.
        suffix: Only files whose names have this suffix.
        partly: A failing write has written its first half.
        fired: How many have failed.
    """

    kind: str
    nth: int
    code: int
    times: int | None = 1
    suffix: str = ""
    partly: bool = False
    seen: int = 0
    fired: int = 0

    def strikes(self, kind: str, file: str) -> bool:
        """Count one operation; return whether it fails."""
        if kind != self.kind or not file.endswith(self.suffix):
            return False
        self.seen += 1
        late = self.times is not None and self.seen >= self.nth + self.times
        if self.seen < self.nth or late:
            return False
        self.fired += 1
        return True


@dataclass(slots=True)
class Disk:
    """The record of operations on one folder's files, and the faults to inject there."""

    folder: Path
    ops: list[Op] = field(default_factory=list)
    fault: Fault | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, op: Op) -> None:
        """Record one operation."""
        with self.lock:
            self.ops.append(op)

    def acknowledge(self, what: Any) -> None:
        """Record an acknowledgement."""
        self.note(Op("ack", ack=what))

    def strikes(self, kind: str, file: str) -> Fault | None:
        """Return the fault if this operation is to fail."""
        with self.lock:
            fault = self.fault
            return fault if fault and fault.strikes(kind, file) else None


class _Shim:
    """The VFS in front of the default one; one per process, never freed: SQLite keeps it."""

    def __init__(self) -> None:
        self.library = _library()
        self.real = self.library.sqlite3_vfs_find(None)
        self.disk: Disk | None = None
        self.files: dict[int, tuple[str, Disk]] = {}
        self.tables: dict[int, tuple[_Methods, _Methods]] = {}
        self.kept: list[Any] = []
        ours = _Vfs.from_buffer_copy(self.real.contents)
        ours.zName, ours.pNext = b"watched", None
        self._real_open = _Open(self.real.contents.xOpen)
        self._real_delete = _Delete(self.real.contents.xDelete)
        ours.xOpen = self._pointer(_Open, self._open)
        ours.xDelete = self._pointer(_Delete, self._delete)
        self.ours = ours

    def use(self, disk: Disk | None) -> None:
        """Record operations on files opened from now on in `disk`; None records nothing."""
        self.disk = disk
        chosen = ctypes.byref(self.ours) if disk else self.real
        assert self.library.sqlite3_vfs_register(chosen, 1) == OK

    def _pointer(self, kind: Any, function: Callable[..., int]) -> int | None:
        made = kind(function)
        self.kept.append(made)
        return ctypes.cast(made, c_void_p).value

    def _open(self, _: int, name: int | None, file: int, flags: int, out: int | None) -> int:
        disk = self.disk
        path = Path(ctypes.string_at(name).decode()) if name else None
        watched = disk is not None and path is not None and path.parent == disk.folder
        if disk and path and watched and (fault := disk.strikes("open", path.name)):
            ctypes.cast(file, POINTER(_File)).contents.methods = POINTER(_Methods)()
            return fault.code
        code: int = self._real_open(ctypes.addressof(self.real.contents), name, file, flags, out)
        opened = ctypes.cast(file, POINTER(_File)).contents
        if code == OK and disk and path and watched and opened.methods:
            opened.methods = ctypes.pointer(self._table(opened.methods))
            self.files[file] = (path.name, disk)
        return code

    def _delete(self, _: int, name: bytes, sync: int) -> int:
        disk, path = self.disk, Path(name.decode())
        watched = disk is not None and path.parent == disk.folder
        if disk and watched and (fault := disk.strikes("delete", path.name)):
            return fault.code
        code: int = self._real_delete(ctypes.addressof(self.real.contents), name, sync)
        if disk and watched and code == OK:
            disk.note(Op("delete", path.name))
        return code

    def _table(self, methods: Any) -> _Methods:
        """Return our copy of a table of file functions, made once for each."""
        address = ctypes.addressof(methods.contents)
        if address not in self.tables:
            real = methods.contents
            table = _Methods()
            size = 8 * {1: 13, 2: 17, 3: 19}[real.iVersion]
            ctypes.memmove(ctypes.addressof(table), address, size)
            self._wrap(table, real)
            self.tables[address] = (table, real)
        return self.tables[address][0]

    def _wrap(self, table: _Methods, real: _Methods) -> None:
        close, read, write = _Close(real.xClose), _Read(real.xRead), _Read(real.xWrite)
        truncate, sync = _Truncate(real.xTruncate), _Sync(real.xSync)

        def on_close(file: int) -> int:
            self.files.pop(file, None)
            return int(close(file))

        def on_read(file: int, into: int, size: int, at: int) -> int:
            name, disk = self.files[file]
            fault = disk.strikes("read", name)
            return fault.code if fault else int(read(file, into, size, at))

        def on_write(file: int, source: int, size: int, at: int) -> int:
            name, disk = self.files[file]
            fault = disk.strikes("write", name)
            if fault and not fault.partly:
                return fault.code
            size = size // 2 if fault else size
            code = int(write(file, source, size, at))
            if code == OK:
                disk.note(Op("write", name, at, ctypes.string_at(source, size)))
            return fault.code if fault else code

        def on_truncate(file: int, size: int) -> int:
            name, disk = self.files[file]
            if fault := disk.strikes("truncate", name):
                return fault.code
            code = int(truncate(file, size))
            if code == OK:
                disk.note(Op("truncate", name, size))
            return code

        def on_sync(file: int, flags: int) -> int:
            name, disk = self.files[file]
            began = len(disk.ops)
            if fault := disk.strikes("sync", name):
                disk.note(Op("failed_sync", name, began=began))
                return fault.code
            code = int(sync(file, flags))
            disk.note(Op("sync" if code == OK else "failed_sync", name, began=began))
            return code

        table.xClose = self._pointer(_Close, on_close)
        table.xRead = self._pointer(_Read, on_read)
        table.xWrite = self._pointer(_Read, on_write)
        table.xTruncate = self._pointer(_Truncate, on_truncate)
        table.xSync = self._pointer(_Sync, on_sync)
        self.kept += [close, read, write, truncate, sync]


def _library() -> ctypes.CDLL:
    """Return the SQLite library that Python's `sqlite3` uses, separate or built in."""
    place = getattr(_sqlite3, "__file__", None)
    library = ctypes.CDLL(place)
    try:
        library.sqlite3_vfs_find.restype = POINTER(_Vfs)
        library.sqlite3_vfs_find.argtypes = [c_char_p]
    except AttributeError as hidden:
        raise RuntimeError(f"the SQLite inside {place} cannot be reached from here") from hidden
    return library


_shims: list[_Shim] = []


@contextmanager
def watched(folder: Path) -> Iterator[Disk]:
    """Record what SQLite does in `folder`, for databases opened inside the block."""
    if not _shims:
        _shims.append(_Shim())
    disk = Disk(folder.resolve())
    _shims[0].use(disk)
    try:
        yield disk
    finally:
        disk.fault = None
        _shims[0].use(None)
