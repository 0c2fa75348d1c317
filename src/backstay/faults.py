"""Turns an answer meant for a client into the three lines meant for an operator."""

from __future__ import annotations

from collections.abc import Iterator

from backstay.errors import Fault, Faults, RequestError, SetupError


def setup_error(exc: RequestError, *, what: str, do: str | None = None) -> SetupError:
    """Return the `SetupError` which says what the refused request said, all of its faults in one line."""
    faults = "; ".join(f"{name}: {text}" for name, text in spell_out(exc.faults))
    return SetupError(
        what,
        why=faults or exc.message,
        do=do or exc.hint or "change what the line above names and run the command again",
    )


def spell_out(faults: Faults, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the dotted name and the message of each fault, however deep."""
    for name, fault in faults.items():
        if isinstance(fault, Fault):
            yield prefix + name, fault.message
        else:
            yield from spell_out(fault, f"{prefix}{name}.")
