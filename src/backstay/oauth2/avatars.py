"""Pictures of profiles: fetched from wherever the profile says, and only if that is a public place."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from backstay.catalog.fields import FileField
from backstay.catalog.fields.file import DEFAULT_MAX_BYTES
from backstay.outbound import Outbound, Refused
from backstay.records.upload import Upload
from backstay.records.uploads import check_upload

log = logging.getLogger("backstay")


class Avatars:
    """Fetches pictures.

    receive: makes an upload of a name and a content, as a request with a file would
    """

    def __init__(self, outbound: Outbound, receive: Callable[[str, bytes], Upload]) -> None:
        self._outbound, self._receive = outbound, receive

    async def fetch(self, field: FileField, url: str) -> Upload | None:
        """Return the picture as an upload that fits a field; None where it can't be had, or must not."""
        try:
            answer = await self._outbound.ask("GET", url, limit=field.maxSize or DEFAULT_MAX_BYTES)
            if answer.status != 200:
                raise Refused(f"the answer was {answer.status}")
        except Refused as exc:
            log.warning("no picture from %s: %s", url[:200], exc)
            return None
        upload = await asyncio.to_thread(
            self._receive, Path(url.partition("?")[0]).name or "avatar", answer.body
        )
        if upload.kind.startswith("image/") and check_upload(field, upload) is None:
            return upload
        upload.path.unlink(missing_ok=True)
        return None
