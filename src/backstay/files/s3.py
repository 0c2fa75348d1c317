"""A bucket that speaks S3, through obstore (Rust), which is loaded when a site uses one: `backstay[s3]`.

obstore sends what is larger than `SMALL_BYTES` in parts. When the process dies within, or its client goes, the parts
stay in the bucket, are listed nowhere, and cost. So we send such a file ourselves, in one request that it signs: that is
there whole, or not at all.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backstay.errors import SetupError
from backstay.files.stores import CHUNK_BYTES, Stored
from backstay.settings import S3

if TYPE_CHECKING:
    from obstore.store import S3Store as Bucket

CONNECT_TIMEOUT_S, REQUEST_TIMEOUT_S, RETRY_S = 5, 60, 15
SMALL_BYTES = 5 << 20
"""Up to here obstore sends a file in one request, from memory."""
SINGLE_MAX_BYTES = 5 << 30
"""What one request may send (https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html)."""
SENDS_MAX = 3
SLOWEST_BYTES_PER_S = 100_000
"""Whoever takes a file more slowly is given up."""
TEST_FOLDER = "backstay_settings_test_"


class S3Failed(Exception):
    """The bucket can't be used; the text says why, for the owner."""


def _load() -> Any:
    try:
        import obstore
    except ImportError as exc:
        raise SetupError(
            "files are to be kept in a bucket, and the client for that is not installed",
            why="it is an extra, since most sites keep their files in a folder",
            do="pip install 'backstay[s3]'",
        ) from exc
    return obstore


class S3Store:
    """Files in a bucket. See `FileStore`."""

    def __init__(self, settings: S3) -> None:
        self._lib = _load()
        self._bucket: Bucket = _connect(settings)

    async def put(self, key: str, source: Path) -> None:
        size = (await asyncio.to_thread(source.stat)).st_size
        if SMALL_BYTES < size <= SINGLE_MAX_BYTES:
            await self._send(key, source, size)
        else:
            await self._lib.put_async(self._bucket, key, source)

    async def _send(self, key: str, source: Path, size: int) -> None:
        """Send a file in one request, and once more where the network or the service failed. Raises OSError."""
        for tries in range(1, SENDS_MAX + 1):
            try:
                status = await self._send_once(key, source, size)
            except (OSError, TimeoutError) as exc:
                if tries == SENDS_MAX:
                    raise OSError(f"the bucket did not take a file: {type(exc).__name__}") from exc
            else:
                if status == HTTPStatus.OK:
                    return
                if status < HTTPStatus.INTERNAL_SERVER_ERROR or tries == SENDS_MAX:
                    raise OSError(f"the bucket did not take a file: it answered {status}")

    async def _send_once(self, key: str, source: Path, size: int) -> int:
        import aiohttp
        from yarl import URL

        limit_s = REQUEST_TIMEOUT_S + size / SLOWEST_BYTES_PER_S
        url = await self._lib.sign_async(self._bucket, "PUT", key, timedelta(seconds=limit_s))
        timeout = aiohttp.ClientTimeout(total=limit_s, sock_connect=CONNECT_TIMEOUT_S)
        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
                session.put(
                    URL(url, encoded=True), data=_chunks(source), headers=headers, allow_redirects=False
                ) as reply,
            ):
                return reply.status
        except aiohttp.ClientError as exc:
            raise OSError(str(exc)) from exc

    async def find(self, key: str) -> Stored | None:
        from obstore.exceptions import BaseError

        try:
            head = await self._lib.head_async(self._bucket, key)
        except (FileNotFoundError, BaseError) as exc:
            if isinstance(exc, FileNotFoundError):
                return None
            raise OSError(str(exc)) from exc
        return Stored(head["size"], head["last_modified"].timestamp())

    async def read(self, key: str, start: int, length: int) -> AsyncIterator[bytes]:
        if length <= 0:
            return
        options = {"range": (start, start + length)}
        answer = await self._lib.get_async(self._bucket, key, options=options)
        async for chunk in answer.stream(min_chunk_size=CHUNK_BYTES):
            yield bytes(chunk)

    async def fetch(self, key: str, target: Path) -> None:
        answer = await self._lib.get_async(self._bucket, key)
        with target.open("wb") as file:
            async for chunk in answer.stream(min_chunk_size=CHUNK_BYTES):
                file.write(chunk)

    async def remove(self, key: str) -> None:
        """Remove a file and all below it: in a bucket a folder is nothing but the start of names."""
        for name in await self.names(key):
            await self._lib.delete_async(self._bucket, name)
        await self._lib.delete_async(self._bucket, key)

    async def names(self, folder: str) -> list[str]:
        found: list[str] = []
        prefix = f"{folder.rstrip('/')}/" if folder else None
        async for page in self._lib.list(self._bucket, prefix=prefix):
            found += [item["path"] for item in page]
        return found


async def _chunks(source: Path) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(source.open, "rb")
    try:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk
    finally:
        file.close()


def _connect(settings: S3) -> Bucket:
    from obstore.store import S3Store as Bucket

    return Bucket(
        settings.bucket,
        endpoint=_endpoint(settings),
        region=settings.region,
        access_key_id=settings.access_key,
        secret_access_key=settings.secret,
        virtual_hosted_style_request=not settings.force_path_style,
        client_options={
            "allow_http": settings.endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=CONNECT_TIMEOUT_S),
            "timeout": timedelta(seconds=REQUEST_TIMEOUT_S),
        },
        retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=RETRY_S)},
    )


def _endpoint(settings: S3) -> str:
    """Return the address of the service, with the bucket as a part of its name unless it stands in the path."""
    address = settings.endpoint if "://" in settings.endpoint else f"https://{settings.endpoint}"
    if settings.force_path_style:
        return address
    scheme, _, host = address.partition("://")
    return f"{scheme}://{settings.bucket}.{host}"


async def try_out(settings: S3, folder: Path) -> None:
    """Write a file to a bucket, read it, and remove it again. Raises S3Failed with the reason.

    folder: for the file that is sent
    """
    store = S3Store(settings)
    key = f"{TEST_FOLDER}{secrets.token_hex(3)}/test.txt"
    source = folder / secrets.token_hex(8)
    source.write_bytes(b"test")
    try:
        await store.put(key, source)
        read = b"".join([chunk async for chunk in store.read(key, 0, 4)])
        await store.remove(key)
    except Exception as exc:  # whatever the library raises is the owner's to read
        raise S3Failed(str(exc).split("\n")[0][:500]) from exc
    finally:
        source.unlink(missing_ok=True)
    if read != b"test":
        raise S3Failed("the file came back changed")
