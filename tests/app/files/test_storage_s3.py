"""Files in an S3 bucket, beyond the contract of all storages: keys, repairs and error messages."""

import asyncio
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from moto.server import ThreadedMotoServer

from app.concurrency.tenant import work_for
from app.files.s3 import S3Storage
from app.settings.server import Settings, SettingsError
from tests.app.files.conftest import empty, keys_in
from tests.conftest import PLUGIN
from tests.harness.processes import run
from tests.harness.server import Server, free_port

KEYS = {"s3_access_key": "AKIACANARY", "s3_secret_key": "hunter2-canary"}
FLOW = {
    "id": "keep", "name": "Keep", "initialStep": "end",
    "steps": [{"id": "end", "type": "end-flow", "result": {"file": "{{ data.attachment }}"}}],
}  # fmt: skip


def settings(endpoint: str, **more: Any) -> Settings:
    given = {
        "storage": "s3",
        "s3_bucket": "files",
        "s3_endpoint": endpoint,
        "s3_region": "us-east-1",
    }
    return Settings.model_validate({**given, **KEYS, **more})


async def test_bytes_are_kept_once_under_their_hash(endpoint: str, bucket: Any) -> None:
    storage = await S3Storage.open(settings(endpoint, s3_prefix="stepwell/"))
    content = b"hello \x00\xff" * 1_000
    sha256 = await storage.put(content)
    assert keys_in(bucket) == [f"stepwell/{sha256[:2]}/{sha256[2:]}"]
    stored = bucket.head_object(Bucket="files", Key=keys_in(bucket)[0])["LastModified"]
    assert await storage.put(content) == sha256
    assert bucket.head_object(Bucket="files", Key=keys_in(bucket)[0])["LastModified"] == stored
    storage.close()


@pytest.mark.parametrize(
    ("more", "reported"),
    [
        ({"s3_bucket": None}, "s3_bucket"),
        ({"s3_bucket": "nowhere"}, "nowhere"),
        ({"s3_bucket": "Not/A/Bucket"}, "cannot be used"),
        ({"s3_secret_key": None}, "one is missing"),
        ({"s3_access_key": None}, "one is missing"),
        ({"s3_access_key": None, "s3_secret_key": None}, "NoCredentialsError"),
    ],
)
async def test_an_unusable_bucket_is_reported_at_the_start(
    endpoint: str, bucket: Any, more: dict[str, Any], reported: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", "/nowhere")
    with pytest.raises(SettingsError, match=reported) as raised:
        await S3Storage.open(settings(endpoint, **more))
    assert "canary" not in str(raised.value).lower()


async def test_a_bucket_that_does_not_answer_fails_in_bounded_time() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(SettingsError, match="EndpointConnectionError"):
            await S3Storage.open(settings(address))


async def test_a_tenant_whose_files_hang_leaves_a_connection_for_others(
    endpoint: str, bucket: Any
) -> None:
    storage = await S3Storage.open(settings(endpoint))
    slow_file, quick_file = await storage.put(b"slow"), await storage.put(b"quick")
    free = threading.Event()

    def hang(request: Any, **_: object) -> None:
        if slow_file[2:] in request.url:
            free.wait()

    storage._client.meta.events.register("before-send.s3.GetObject", hang)

    async def read(tenant: str, sha256: str) -> bytes:
        work_for(tenant)
        return await storage.get(sha256)

    slow = [asyncio.create_task(read("slow", slow_file)) for _ in range(24)]
    await asyncio.sleep(0.05)
    try:
        assert await asyncio.wait_for(read("quick", quick_file), 20) == b"quick"
    finally:
        free.set()
    assert {*await asyncio.gather(*slow)} == {b"slow"}
    storage.close()


def environment(endpoint: str, **more: str) -> dict[str, str]:
    given = {
        "storage": "s3",
        "s3_bucket": "files",
        "s3_endpoint": endpoint,
        "s3_region": "us-east-1",
    }
    return {f"STEPWELL_{name.upper()}": value for name, value in {**given, **KEYS, **more}.items()}


def test_an_upload_is_stored_in_the_bucket_and_read_back(
    endpoint: str, bucket: Any, tmp_path: Path
) -> None:
    with (
        Server(tmp_path / "data", PLUGIN, **environment(endpoint)) as server,
        server.client() as client,
    ):
        assert client.post("/api/workflows", json=FLOW).status_code == 201
        content = os.urandom(100_000)
        form = {"attachment": ("a.bin", content)}
        started = client.post("/api/workflow/start/keep", files=form)
        assert started.status_code == 200, started.text
        place = f"/api/workflow/files/{started.json()['data']['attachment']['fileId']}"
        assert client.get(place).content == content
        assert len(keys_in(bucket)) == 1
        assert not (tmp_path / "data" / "files").exists()
        empty(bucket)
        for answer in (client.get(place), client.post("/api/workflow/start/keep", files=form)):
            assert (answer.status_code, answer.json()["error"]) == (503, "Service unavailable")
            assert "canary" not in answer.text.lower()
        assert "canary" not in server.log.read_text().lower()


def test_a_wrong_bucket_stops_the_start_with_a_clear_message(
    endpoint: str, bucket: Any, tmp_path: Path
) -> None:
    reported = environment(endpoint, s3_bucket="nowhere")
    given = {**os.environ, **reported}
    shown = run("serve", "--data", tmp_path / "data", "--port", "0", environment=given)
    assert shown.returncode == 1
    assert (
        shown.stderr
        == "stepwell: the bucket nowhere (s3_bucket) cannot be used: it does not exist (404)\n"
    )


def test_no_command_shows_a_secret(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text('smtp_password = "hunter2"\n')
    env = {**os.environ, "STEPWELL_S3_ACCESS_KEY": "id"}
    for more in ([], ["--json"]):
        command = ["config", "--config", file, "--s3-secret-key", "hunter2", *more]
        shown = run(*command, environment=env)
        shown.check_returncode()
        assert "hunter2" not in shown.stdout
        assert shown.stdout.count("**********") == 2
    file.write_text("smtp_password = ['hunter2']\n")
    shown = run("config", "--config", file)
    assert (shown.returncode, "hunter2" in shown.stderr) == (1, False)
    file.write_text("smtp_password = 'hunter2'\nsmtp_password_file = '/p'\n")
    shown = run("config", "--config", file)
    assert shown.returncode == 1
    assert "smtp_password and smtp_password_file are both set" in shown.stderr


def test_a_bucket_that_is_away_at_the_start_or_later_is_reported_until_it_answers(
    bucket: Any, tmp_path: Path
) -> None:
    port = free_port()
    given = environment(f"http://127.0.0.1:{port}")
    form = {"attachment": ("a.bin", b"bytes")}
    with Server(tmp_path / "data", PLUGIN, **given) as server, server.client() as client:
        assert client.post("/api/workflows", json=FLOW).status_code == 201
        assert client.get("/readyz").json() == {"ready": True, "files": "unavailable"}
        assert client.post("/api/workflow/start/keep", files=form).status_code == 503
        shown = "the bucket files (s3_bucket) cannot be used: EndpointConnectionError"
        assert shown in server.log.read_text()
        found = run("doctor", "--json", "--data", server.data, environment={**os.environ, **given})
        findings = json.loads(found.stdout)["findings"]
        assert [one["shown"] for one in findings if one["what"] == "files"] == [shown]
        with _answering(port):
            _until_ready(client)
            assert client.post("/api/workflow/start/keep", files=form).status_code == 200
        assert client.post("/api/workflow/start/keep", files=form).status_code == 503
        assert client.get("/readyz").json() == {"ready": True, "files": "unavailable"}
        assert server.log.read_text().count(shown) == 2
        with _answering(port):
            _until_ready(client)


@contextmanager
def _answering(port: int) -> Iterator[None]:
    moto = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    moto.start()
    yield
    moto.stop()


def _until_ready(client: httpx.Client) -> None:
    until = time.monotonic() + 60
    while client.get("/readyz").json() != {"ready": True}:
        assert time.monotonic() < until
        time.sleep(0.05)
