"""An S3 server with a bucket, for servers that store files there."""

from collections.abc import Iterator
from contextlib import contextmanager

import boto3
from moto.server import ThreadedMotoServer

from tests.harness.server import free_port


@contextmanager
def files_in_s3() -> Iterator[dict[str, str]]:
    """Start an S3 server, and yield the settings of a server that uses it."""
    port = free_port()
    moto = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    moto.start()
    settings = {
        "STEPWELL_STORAGE": "s3", "STEPWELL_S3_BUCKET": "files", "STEPWELL_S3_REGION": "us-east-1",
        "STEPWELL_S3_ENDPOINT": f"http://127.0.0.1:{port}",
        "STEPWELL_S3_ACCESS_KEY": "stepwell", "STEPWELL_S3_SECRET_KEY": "stepwell",
    }  # fmt: skip
    client = boto3.session.Session("stepwell", "stepwell", region_name="us-east-1").client(
        "s3", endpoint_url=settings["STEPWELL_S3_ENDPOINT"]
    )
    client.create_bucket(Bucket="files")
    client.close()
    yield settings
    moto.stop()
