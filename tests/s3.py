"""One real S3 server for the whole test run, and a bucket for each test that asks for a store on it."""

import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from minio import Minio

from scripts.s3_server import S3Server, missing_programs, s3_server


@pytest.fixture(scope="session")
def running_s3() -> Iterator[S3Server]:
    """The server; where it is not installed, its tests are skipped by name, but never in CI."""
    if missing := missing_programs():
        message = f"no S3 server: {', '.join(missing)} not installed"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with tempfile.TemporaryDirectory(prefix="s3-") as folder, s3_server(Path(folder), free_port_pair()) as server:
        yield server


@pytest.fixture
def s3_url(running_s3: S3Server) -> str:
    """PACS_OBJECTS for a bucket of this test's own."""
    bucket = f"test-{secrets.token_hex(6)}"
    client_of(running_s3).make_bucket(bucket_name=bucket)
    return f"s3://{bucket}?endpoint={running_s3.endpoint}&region=us-east-1"


def client_of(server: S3Server) -> Minio:
    """The minio client of the server's one user."""
    return Minio(
        endpoint=server.endpoint.removeprefix("http://"),
        access_key=server.access_key,
        secret_key=server.secret_key,
        secure=False,
        region="us-east-1",
    )


def free_port_pair() -> int:
    """A port that is free, as is the one after it."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
