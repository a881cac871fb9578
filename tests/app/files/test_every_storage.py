"""The contract of file storages, checked for each of them."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from app.files.s3 import S3Storage
from app.files.spool import StorageError
from app.files.storage import FolderStorage, Storage
from app.settings.server import Settings
from tests.app.files.conftest import empty, keys_in

CONTENTS = [b"", b"\x00\xff", "caf\xe9".encode(), os.urandom(300_000)]
ABSENT = hashlib.sha256(b"never stored").hexdigest()


class Place(Protocol):
    """A storage, and access to the bytes behind it."""

    storage: Storage

    def count(self) -> int: ...
    def overwrite(self, sha256: str, content: bytes) -> None: ...
    def take_away(self) -> None: ...


class Folder:
    """The storage in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.storage: Storage = FolderStorage(folder)

    def count(self) -> int:
        return sum(path.is_file() for path in self._folder.rglob("*"))

    def overwrite(self, sha256: str, content: bytes) -> None:
        (found,) = self._folder.rglob(sha256[2:])
        found.write_bytes(content)

    def take_away(self) -> None:
        """Replace the folder by a file, since missing permissions would not stop root."""
        self._folder.rename(self._folder.with_suffix(".away"))
        self._folder.write_bytes(b"")


class Bucket:
    """The storage in a bucket."""

    def __init__(self, client: Any, storage: Storage) -> None:
        self._client = client
        self.storage = storage

    def count(self) -> int:
        return len(keys_in(self._client))

    def overwrite(self, sha256: str, content: bytes) -> None:
        self._client.put_object(Bucket="files", Key=f"{sha256[:2]}/{sha256[2:]}", Body=content)

    def take_away(self) -> None:
        empty(self._client)


@pytest.fixture(params=["folder", "s3"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    made: Place
    if request.param == "folder":
        made = Folder(tmp_path / "files")
    else:
        given = {
            "storage": "s3", "s3_bucket": "files", "s3_region": "us-east-1", "s3_access_key": "id",
            "s3_secret_key": "secret", "s3_endpoint": request.getfixturevalue("endpoint"),
        }  # fmt: skip
        client = request.getfixturevalue("bucket")
        made = Bucket(client, await S3Storage.open(Settings.model_validate(given)))
    yield made
    made.storage.close()


async def test_bytes_are_read_unchanged_by_their_hash(place: Place) -> None:
    for content in CONTENTS:
        sha256 = await place.storage.put(content)
        assert sha256 == hashlib.sha256(content).hexdigest()
        assert await place.storage.get(sha256) == content


async def test_equal_bytes_are_stored_once(place: Place) -> None:
    puts = [place.storage.put(content) for content in CONTENTS for _ in range(4)]
    assert len(set(await asyncio.gather(*puts))) == len(CONTENTS)
    assert place.count() == len(CONTENTS), "nothing half-written is left either"
    await place.storage.put(CONTENTS[1])
    assert place.count() == len(CONTENTS)


async def test_a_missing_file_cannot_be_read(place: Place) -> None:
    for _ in range(2):
        with pytest.raises(StorageError, match=ABSENT):
            await place.storage.get(ABSENT)
        await place.storage.put(b"other")


async def test_damaged_bytes_are_never_returned(place: Place) -> None:
    sha256 = await place.storage.put(b"true")
    for damage in (b"fake", b"tru", b"", b"true and more"):
        place.overwrite(sha256, damage)
        with pytest.raises(StorageError, match="damaged"):
            await place.storage.get(sha256)


async def test_a_truncated_file_is_repaired_by_the_next_upload(place: Place) -> None:
    sha256 = await place.storage.put(b"whole")
    place.overwrite(sha256, b"who")
    await place.storage.put(b"whole")
    assert await place.storage.get(sha256) == b"whole"


async def test_an_unavailable_storage_is_reported(place: Place) -> None:
    kept = await place.storage.put(b"kept")
    place.take_away()
    with pytest.raises(StorageError, match="cannot be stored"):
        await place.storage.put(b"more")
    with pytest.raises(StorageError, match="cannot be read"):
        await place.storage.get(kept)


async def test_it_can_be_closed_twice(place: Place) -> None:
    place.storage.close()
    place.storage.close()
