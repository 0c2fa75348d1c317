"""Any JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from backstay.catalog.fields.base import REQUIRED, DbValue, FieldBase, Kind, Value
from backstay.errors import Fault
from backstay.strict_json import read_json

DEFAULT_MAX_BYTES = 1 << 20

_decode = msgspec.json.Decoder(float_hook=float).decode
_encode_sorted = msgspec.json.Encoder(order="sorted").encode
_encode = msgspec.json.Encoder().encode
_WORDS: dict[str, Any] = {"null": None, "true": True, "false": False}


class JsonField(FieldBase, frozen=True, kw_only=True, tag="json"):
    """JSON of at most `maxSize` bytes (0: 1 MB); `required` refuses null, '', [] and {}."""

    help: str = ""
    maxSize: int = 0
    required: bool = False

    kind = Kind.JSON

    @property
    def zero(self) -> Value:
        return None

    def cast(self, raw: Any) -> Value:
        """Read texts as forms send them: words, numbers, quoted texts, lists and objects are taken as JSON (A4).

        Objects get the order of keys that the protocol sends (A3).
        """
        if isinstance(raw, (dict, list)):
            return _decode(_encode_sorted(raw))
        if not isinstance(raw, str):
            return raw
        if raw in _WORDS:
            return _WORDS[raw]
        if raw[:1] in '0123456789-"[{' and raw:
            try:
                return read_json(raw)
            except ValueError:
                return raw
        return raw

    def check(self, value: Value, *, new: bool) -> Fault | None:
        if value is None or value in ("", [], {}):
            return REQUIRED if self.required else None
        limit = self.maxSize or DEFAULT_MAX_BYTES
        if len(_encode(value)) > limit:
            return Fault(
                "validation_json_size_limit",
                f"The maximum allowed JSON size is {limit} bytes.",
                {"maxSize": limit},
            )
        return None

    def store(self, value: Value) -> DbValue:
        return None if value is None else _encode(value).decode()

    def load(self, kept: DbValue) -> Value:
        return None if kept is None else _decode(str(kept))
