"""The S3-compatible store of STORAGE_URL; imported only where one is set."""

from typing import IO, Any, cast

from botocore.config import Config
from botocore.exceptions import ClientError
from storages.backends.s3 import S3Storage

from sourcebatch.lib.storage import Ranged

GONE = {"404", "NoSuchKey", "NotFound"}
BEYOND_THE_END = {"416", "InvalidRange"}


class S3(S3Storage):  # type: ignore[misc]
    """django-storages' store, with patience, and with files that are read in parts."""

    def __init__(self, **options: Any) -> None:
        style = options.pop("addressing_style", None)
        config = Config(
            connect_timeout=10, read_timeout=60, retries={"mode": "standard", "max_attempts": 5},
            max_pool_connections=50, s3={"addressing_style": style} if style else {},
            # Stores of other makers do not know the newer checksums; S3 itself does not ask for them.
            request_checksum_calculation="when_required", response_checksum_validation="when_required",
        )  # fmt: skip
        super().__init__(client_config=config, **options)

    def ranged(self, name: str) -> IO[bytes]:
        """The bytes that are asked for, each by a request of its own."""
        key = self._normalize_name(name)

        def get(start: int, end: int) -> bytes:
            try:
                answer = self.connection.meta.client.get_object(
                    Bucket=self.bucket_name, Key=key, Range=f"bytes={start}-{end - 1}"
                )
                return bytes(answer["Body"].read())
            except ClientError as error:
                code = error.response.get("Error", {}).get("Code", "")
                if code in GONE:
                    raise FileNotFoundError(f"{name} is not in the store") from error
                if code in BEYOND_THE_END:
                    return b""
                raise

        return cast("IO[bytes]", Ranged(get))
