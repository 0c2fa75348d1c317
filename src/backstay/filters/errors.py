"""The one error of the filter language. Clients get the protocol's plain message, and beside it our hint."""

from __future__ import annotations

from backstay.errors import BadRequest


class FilterSyntaxError(BadRequest):
    """A filter or rule can't be read. `offset` counts characters from the start of its text."""

    def __init__(self, explanation: str, offset: int) -> None:
        super().__init__(hint=explanation, at=f"filter:{offset}")
        self.explanation = explanation
        self.offset = offset

    def __str__(self) -> str:
        return f"{self.explanation} (at character {self.offset})"
