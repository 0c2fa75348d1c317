"""Names of files which belong to a record. Storing the files is the business of `backstay.files`."""

from __future__ import annotations

from typing import Any

from backstay.catalog.fields.base import REQUIRED, Value
from backstay.catalog.fields.lists import ListField
from backstay.errors import Fault

DEFAULT_MAX_BYTES = 5 << 20
SHOWN_MAX_CHARS = 250
"""How much of a refused name an error repeats."""


class FileField(ListField, frozen=True, kw_only=True, tag="file"):
    """Up to `maxSelect` (0 counts as 1) file names; each file has at most `maxSize` bytes (0: 5 MB)."""

    maxSize: int = 0
    mimeTypes: list[str] | None = None
    thumbs: list[str] | None = None
    protected: bool = False

    def cast(self, raw: Any) -> Value:
        """Read names; those in lists within a list count, too."""
        if isinstance(raw, list):
            raw = [name for item in raw for name in (item if isinstance(item, list) else [item])]
        return super().cast(raw)

    def check(self, value: Value, *, new: bool) -> Fault | None:
        names = self.items(value)
        if not names:
            return REQUIRED if self.required else None
        most = max(self.maxSelect, 1)
        if len(names) > most:
            return Fault(
                "validation_too_many_files", f"The maximum allowed files is {most}", {"maxSelect": most}
            )
        return None

    def check_names(self, value: Value, kept: list[str]) -> Fault | None:
        """Return a fault when `value` names files which the record did not have: only an upload brings new ones."""
        unknown = [name[:SHOWN_MAX_CHARS] for name in self.items(value) if name not in kept]
        if unknown:
            return Fault(
                "validation_invalid_file",
                f"Invalid new files: [{' '.join(unknown)}].",
                {"invalidFiles": unknown},
            )
        return None
