"""HTML text from a rich-text editor. It is kept as it was sent; whoever shows it must clean it."""

from __future__ import annotations

from typing import Any

from backstay.catalog.casts import to_text
from backstay.catalog.fields.base import REQUIRED, FieldBase, Value
from backstay.errors import Fault

DEFAULT_MAX_BYTES = 5 << 20


class EditorField(FieldBase, frozen=True, kw_only=True, tag="editor"):
    """HTML of at most `maxSize` bytes (0: 5 MB). `convertURLs` steers the editor, not the server."""

    help: str = ""
    maxSize: int = 0
    convertURLs: bool = False
    required: bool = False

    def cast(self, raw: Any) -> Value:
        return to_text(raw)

    def check(self, value: Value, *, new: bool) -> Fault | None:
        if not value:
            return REQUIRED if self.required else None
        limit = self.maxSize or DEFAULT_MAX_BYTES
        if len(value) > limit or len(value.encode()) > limit:
            return Fault(
                "validation_content_size_limit",
                f"The maximum allowed content size is {limit} bytes.",
                {"maxSize": limit},
            )
        return None
