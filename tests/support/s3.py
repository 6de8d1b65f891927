"""A real S3 server (moto's) as a process of its own, and the product's settings for a bucket of it."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
from botocore.config import Config

from tests.support.ports import kept_port
from tests.worker.conftest import until

KEY, SECRET = "an-id", "a/secret"


@contextmanager
def running(log: Path, host: str = "127.0.0.1") -> Iterator[str]:
    """A server on a free port; yields its address."""
    env = {**os.environ, "PYTHONDEVMODE": "", "PYTHONWARNINGS": ""}
    with kept_port(host) as port:
        command = [str(Path(sys.executable).with_name("moto_server")), "-H", host, "-p", str(port)]
        with log.open("wb") as output:
            server = subprocess.Popen(command, stdout=output, stderr=output, env=env)
        try:
            until(lambda: _answers(host, port), "the S3 server answers")
            yield f"http://{host}:{port}"
        finally:
            server.terminate()
            server.wait(30)


def _answers(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def bucket(server: str, name: str) -> str:
    """Make a bucket; what STORAGE_URL is for it, with a folder of its own."""
    client = boto3.client(
        "s3", endpoint_url=server, aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}),
    )  # fmt: skip
    client.create_bucket(Bucket=name)
    client.close()
    return f"s3://{KEY}:{SECRET.replace('/', '%2F')}@{name}/library?endpoint={server}&region=us-east-1"
