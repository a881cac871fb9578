"""Stores the bytes of files in a bucket: Amazon's S3, MinIO, and others with the same protocol."""

import asyncio
import base64
import hashlib
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any, Self, TypeVar
from urllib.parse import urlsplit

from app.concurrency.in_thread import SharedThreads
from app.files.spool import Spool, StorageError
from app.files.storage import Storage
from app.outbound.trust import bundle
from app.outbound.way_out import proxy_of
from app.settings.extras import ExtraMissing, extra
from app.settings.server import Settings, SettingsError
from app.telemetry import log

_THREADS = 8
_CONNECT_S = 5
_READ_S = 30
_ATTEMPTS = 3
_START_S = 5.0
"""How many seconds a start waits for the bucket."""

_LOOK_EVERY_S = 5.0
_BLOCK = 1_000_000
_NOT_FOUND = frozenset({"404", "NoSuchKey"})

T = TypeVar("T")


class S3Storage(Storage):
    """Stores bytes in a bucket by their SHA-256; an object never changes once it is written."""

    def __init__(self, client: Any, bucket: str, prefix: str, trust: IO[bytes] | None) -> None:
        self._client = client
        self._trust = trust  # read at every new connection
        self._bucket = bucket
        self._prefix = prefix
        self._threads = SharedThreads(_THREADS, "s3")
        self._loop = asyncio.get_running_loop()
        self._is_doubted = asyncio.Event()

    @classmethod
    async def open(cls, settings: Settings, *, must_answer: bool = True) -> Self:
        """Return the storage that the settings describe, after the bucket has answered.

        Without `must_answer`, a bucket that does not answer has `trouble` until `watch` finds that
        it does.

        Raises:
            SettingsError: The bucket cannot be used with these settings; says why.
        """
        if settings.s3_bucket is None:
            raise SettingsError("storage is s3, so s3_bucket must say which (STEPWELL_S3_BUCKET)")
        if (settings.s3_access_key is None) != (settings.s3_secret_key is None):
            raise SettingsError("s3_access_key and s3_secret_key go together; one is missing")
        try:
            client, trust = await asyncio.to_thread(_client, settings)
        except ExtraMissing:
            raise
        except Exception as refused:
            message = f"no S3 client with these settings: {_reason(refused)}"
            raise SettingsError(message) from refused
        storage = cls(client, settings.s3_bucket, settings.s3_prefix, trust)
        try:
            async with asyncio.timeout(None if must_answer else _START_S):
                await storage._look()
        except Exception as refused:
            if must_answer or not _is_away(refused):
                storage.close()
                raise SettingsError(storage._why(refused)) from refused
            storage._refused(refused)
        return storage

    async def watch(self) -> None:
        """Look at the bucket after a request has failed, until it can be used."""
        while True:
            if self.trouble is None:
                await self._is_doubted.wait()
            else:
                await asyncio.sleep(_LOOK_EVERY_S)
            self._is_doubted.clear()
            try:
                await self._look()
            except Exception as refused:  # noqa: BLE001 - whatever it is, it may pass
                self._refused(refused)
            else:
                if self.trouble is not None:
                    log.files_kept()
                self.trouble = None

    def _why(self, refused: Exception) -> str:
        return f"the bucket {self._bucket} (s3_bucket) cannot be used: {_reason(refused)}"

    def _refused(self, refused: Exception) -> None:
        why = self._why(refused)
        if why != self.trouble:
            log.files_refused(why)
        self.trouble = why

    def _doubt(self, failed: Exception) -> None:
        """Note that a request has failed; one that got no answer says enough of the bucket."""
        if _is_away(failed):
            self._refused(failed)
        self._is_doubted.set()

    async def _look(self) -> None:
        await self._in_thread(lambda: self._client.head_bucket(Bucket=self._bucket))

    @asynccontextmanager
    async def receive(self) -> AsyncIterator[Spool]:
        """Write bytes piece by piece to a file without a name, so a crash leaves nothing behind."""
        spool = _BucketSpool(self, tempfile.TemporaryFile(), self._threads)  # noqa: SIM115 - the spool closes it
        try:
            yield spool
        finally:
            await spool.close()

    async def get(self, sha256: str) -> bytes:
        """Return stored bytes. Raises `StorageError` if they are missing or damaged."""
        try:
            content = await self._in_thread(lambda: self._get(sha256))
        except Exception as failed:
            if not _is_missing(failed):
                self._doubt(failed)
            message = f"stored file {sha256} cannot be read from {self._bucket}: {_reason(failed)}"
            raise StorageError(message) from failed
        if hashlib.sha256(content).hexdigest() != sha256:
            raise StorageError(f"stored file {sha256} is damaged")
        return content

    def close(self) -> None:
        """Start no more requests."""
        self._threads.close()
        self._client.close()
        if self._trust:
            self._trust.close()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        # It has its own threads, so that a slow bucket delays nothing else in the server.
        return await self._threads.run(work)

    def put_object(self, sha256: str, content: IO[bytes], size: int) -> None:
        """Store a whole file; call it in a thread. Raises `StorageError`."""
        try:
            self._put(sha256, content, size)
        except Exception as failed:
            self._loop.call_soon_threadsafe(self._doubt, failed)
            message = f"file {sha256} cannot be stored in {self._bucket}: {_reason(failed)}"
            raise StorageError(message) from failed

    def _put(self, sha256: str, content: IO[bytes], size: int) -> None:
        place = {"Bucket": self._bucket, "Key": self._key(sha256)}
        if self._size(place) == size:
            return
        digest = hashlib.md5(usedforsecurity=False)
        content.seek(0)
        while block := content.read(_BLOCK):
            digest.update(block)
        content.seek(0)
        # With the digest, the bucket refuses bytes that were damaged on the way.
        checked = base64.b64encode(digest.digest()).decode()
        self._client.put_object(**place, Body=content, ContentLength=size, ContentMD5=checked)

    def _size(self, place: dict[str, str]) -> int | None:
        """Return the size of an object, None if it is not there."""
        from botocore.exceptions import ClientError

        try:
            size: int = self._client.head_object(**place)["ContentLength"]
        except ClientError as refused:
            # Without the right to list a bucket, a missing object is 403 and not 404.
            if _code(refused) in (*_NOT_FOUND, "403"):
                return None
            raise
        return size

    def _get(self, sha256: str) -> bytes:
        found = self._client.get_object(Bucket=self._bucket, Key=self._key(sha256))
        content: bytes = found["Body"].read()
        return content

    def _key(self, sha256: str) -> str:
        return f"{self._prefix}{sha256[:2]}/{sha256[2:]}"


class _BucketSpool(Spool):
    def __init__(self, storage: S3Storage, file: IO[bytes], threads: SharedThreads) -> None:
        super().__init__(file, threads)
        self._storage = storage

    def store(self, sha256: str) -> None:
        self._storage.put_object(sha256, self.file, self.size)

    def let_go(self) -> None:
        self.file.close()


def _client(settings: Settings) -> tuple[Any, IO[bytes] | None]:
    """Return the client, and the file with trusted certificates if they are not the usual ones."""
    # Imported here, since it takes half a second, which only servers with a bucket should pay.
    with extra("s3", "storage = s3"):
        import boto3
        from botocore.config import Config
        from botocore.httpsession import where

    secret = settings.s3_secret_key
    trust = bundle(Path(where()), settings.ca_file) if settings.ca_file else None
    # Set even if empty, so that nothing is taken from the environment.
    proxies = Config(proxies=_proxies(settings))
    session = boto3.session.Session()
    session._session.set_default_client_config(proxies)  # noqa: SLF001 - for what fetches keys
    client = session.client(
        "s3",
        endpoint_url=settings.s3_endpoint,
        verify=trust.name if trust else None,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
        config=proxies.merge(
            Config(
                connect_timeout=_CONNECT_S,
                read_timeout=_READ_S,
                retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
                max_pool_connections=_THREADS,
                # Servers other than Amazon's have no host name per bucket, and not all of them know
                # the checksums that boto3 would add.
                s3={"addressing_style": "path" if settings.s3_endpoint else "auto"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            )
        ),
    )
    return client, trust


def _proxies(settings: Settings) -> dict[str, str]:
    """Return the proxy of the settings for each scheme, none for a bucket reached without it."""
    proxy = proxy_of(settings)
    host = urlsplit(settings.s3_endpoint or "").hostname
    if proxy is None or (host is not None and proxy.is_left_out(host)):
        return {}
    return dict.fromkeys(("http", "https"), proxy.url)


def _code(refused: Any) -> str:
    return str(refused.response.get("Error", {}).get("Code", ""))


def _is_missing(failed: Exception) -> bool:
    """Return whether a bucket answered that it has no such object."""
    return hasattr(failed, "response") and _code(failed) in _NOT_FOUND


def _is_away(failed: Exception) -> bool:
    """Return whether a bucket has not answered, which says nothing about the settings."""
    from botocore.exceptions import ConnectionError as NotConnected
    from botocore.exceptions import HTTPClientError, SSLError

    if hasattr(failed, "response"):
        status = failed.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return bool(status >= HTTPStatus.INTERNAL_SERVER_ERROR)
    away = HTTPClientError | NotConnected | TimeoutError
    return isinstance(failed, away) and not isinstance(failed, SSLError)


def _reason(failed: Exception) -> str:
    """Describe a failure in words that cannot contain a credential."""
    if not hasattr(failed, "response"):
        return type(failed).__name__
    code = _code(failed)
    return {"403": "access is denied (403)", "404": "it does not exist (404)"}.get(code, code)
