"""One S3 server for all tests of this folder, with an empty bucket for each test."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.server import free_port


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    port = free_port()
    moto = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    moto.start()
    yield f"http://127.0.0.1:{port}"
    moto.stop()


@pytest.fixture(scope="session")
def other_client(endpoint: str) -> Iterator[Any]:
    """Yield a client with other credentials than Stepwell's; creating one takes half a second."""
    import boto3

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
        client = boto3.session.Session("other", "other", region_name="us-east-1").client(
            "s3", endpoint_url=endpoint
        )
    yield client
    client.close()


@pytest.fixture
def bucket(other_client: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Yield a client of the empty bucket `files`."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    other_client.create_bucket(Bucket="files")
    yield other_client
    empty(other_client)


def empty(client: Any) -> None:
    """Delete the bucket if it exists."""
    if "files" in [item["Name"] for item in client.list_buckets()["Buckets"]]:
        for key in keys_in(client):
            client.delete_object(Bucket="files", Key=key)
        client.delete_bucket(Bucket="files")


def keys_in(client: Any) -> list[str]:
    return [item["Key"] for item in client.list_objects_v2(Bucket="files").get("Contents", [])]
