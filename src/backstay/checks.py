"""The small checks that settings, collections and records share, each with the code and message of the protocol.

A check takes a value and returns a `Fault`, or None when the value will do. `first` runs several in order and stops
at the first fault. Checks which the protocol skips for empty values say so with `optional`. What the codes are for
stands in `protocol.md` A2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from ipaddress import ip_address, ip_network
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from backstay.errors import Fault, Faults

Check: TypeAlias = Callable[[Any], Fault | None]

SAFE_INT_MAX = 2**53 - 1
"""The largest integer that every JSON client reads exactly."""

REQUIRED = Fault("validation_required", "Cannot be blank.")
NOT_ALLOWED_VALUE = Fault("validation_in_invalid", "Must be a valid value.")
WRONG_FORMAT = Fault("validation_match_invalid", "Must be in a valid format.")


def first(value: Any, *checks: Check) -> Fault | None:
    """Return the first fault that `checks` find in `value`."""
    return next((fault for check in checks if (fault := check(value)) is not None), None)


def when(condition: bool, *checks: Check) -> Check:
    """Make one check of `checks` which looks only when `condition` holds."""
    return lambda value: first(value, *checks) if condition else None


def gather(found: Mapping[str, Fault | Faults | None]) -> dict[str, Fault | Faults]:
    """Return `found` without the names at which nothing is wrong."""
    return {name: fault for name, fault in found.items() if fault}


def required(value: Any) -> Fault | None:
    """Refuse what is empty: None, "", 0, False and empty lists."""
    return None if value else REQUIRED


def forbidden(value: Any) -> Fault | None:
    """Refuse everything but None."""
    return None if value is None else Fault("validation_nil", "Must be blank.")


def empty(value: Any) -> Fault | None:
    """Refuse everything but what is empty."""
    return Fault("validation_empty", "Must be blank.") if value else None


def length(low: int, high: int) -> Check:
    """Check that a text has `low` to `high` bytes in UTF-8; an empty one passes."""
    params = {"max": high, "min": low}

    def check(value: Any) -> Fault | None:
        if not value or low <= len(value.encode()) <= high:
            return None
        if low == high:
            return Fault("validation_length_invalid", f"The length must be exactly {low}.", params)
        if low == 0:
            return Fault("validation_length_too_long", f"The length must be no more than {high}.", params)
        return Fault(
            "validation_length_out_of_range", f"The length must be between {low} and {high}.", params
        )

    return check


def minimum(low: float) -> Check:
    """Check that a number is at least `low`; zero passes as "not set", as the protocol has it."""

    def check(value: Any) -> Fault | None:
        if not value or value >= low:
            return None
        message = f"Must be no less than {low}."
        return Fault("validation_min_greater_equal_than_required", message, {"threshold": low})

    return check


def maximum(high: float) -> Check:
    """Check that a number is at most `high`; zero passes as "not set", as the protocol has it."""

    def check(value: Any) -> Fault | None:
        if not value or value <= high:
            return None
        message = f"Must be no greater than {high}."
        return Fault("validation_max_less_equal_than_required", message, {"threshold": high})

    return check


def one_of(*allowed: Any) -> Check:
    """Check that a value is one of `allowed`; an empty one passes."""
    return lambda value: None if not value or value in allowed else NOT_ALLOWED_VALUE


def none_of(names: Collection[str]) -> Check:
    """Check that a text is none of `names`."""
    fault = Fault("validation_not_in_invalid", "Must not be in list.")
    return lambda value: fault if value in names else None


def matches(pattern: re.Pattern[str]) -> Check:
    """Check that `pattern` finds something in a text; an empty one passes."""
    return lambda value: None if not value or pattern.search(value) else WRONG_FORMAT


def each(values: Sequence[Any], *checks: Check) -> Faults | None:
    """Return the faults of the items of a list, keyed by index."""
    return gather({str(index): first(value, *checks) for index, value in enumerate(values)}) or None


_DNS_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,62}(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*[._]?")
_NOT_HOST = Fault("validation_is_host", "Must be a valid IP address or DNS name.")


def host(value: str) -> Fault | None:
    """Check for an IP address or a DNS name, without port; an empty one passes."""
    if not value or is_ip(value):
        return None
    return None if len(value) <= 255 and _DNS_NAME.fullmatch(value) else _NOT_HOST


def is_ip(value: str) -> bool:
    """Say whether `value` is an IPv4 or IPv6 address."""
    try:
        ip_address(value)
    except ValueError:
        return False
    return True


def ip_or_subnet(value: str) -> Fault | None:
    """Check for an IP address or a CIDR subnet; host bits may be set, as in `10.0.0.5/8`."""
    address, slash, bits = value.partition("/")
    try:
        if not slash:
            ip_address(address)
        elif not (bits.isascii() and bits.isdigit()):
            raise ValueError(bits)
        else:
            ip_network(value, strict=False)
    except ValueError:
        # the code's spelling is the protocol's
        return Fault("validation_invlaid_ip_or_subnet", "Invalid IP or CIDR subnet.")
    return None


URL_MAX_CHARS = 2082
_LABEL = r"[A-Za-z0-9\u00a1-\uffff](?:[A-Za-z0-9_\u00a1-\uffff-]*[A-Za-z0-9\u00a1-\uffff])?"


@cache
def _url_host() -> re.Pattern[str]:
    """Return the pattern of a host. Classes of so many letters take long to compile: it is done when one is needed."""
    return re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")


_URL_SCHEMES = frozenset({"http", "https", "ftp", "tcp", "udp", "ws", "wss"})
_NOT_IN_URL = re.compile(r"\s|%(?![0-9A-Fa-f]{2})")
_NOT_URL = Fault("validation_is_url", "Must be a valid URL.")


def url(value: str) -> Fault | None:
    """Check for a URL of a common scheme, or one without scheme; an empty one passes."""
    return None if not value or is_url(value) else _NOT_URL


def is_url(value: str) -> bool:
    """Say whether `value` is a URL with a usable host; `example.com/path` will do."""
    if not 3 < len(value) <= URL_MAX_CHARS or _NOT_IN_URL.search(value):
        return False
    scheme, mark, _ = value.partition("://")
    if mark and scheme not in _URL_SCHEMES:
        return False
    if not mark and ":" not in value and "." not in value:
        return False
    try:
        parts = urlsplit(value if mark else f"http://{value}")
        name = parts.hostname or ""
    except ValueError:
        return False
    _, _, after = parts.netloc.rpartition("@")
    port = after.rpartition("]")[2].partition(":")[2]
    if port and not re.fullmatch(r"[0-9]{1,5}", port):
        return False
    if is_ip(name):
        return True
    return bool(_url_host().fullmatch(name)) and not re.fullmatch(r"[0-9]+(\.[0-9]+){3}", name)


EMAIL_MAX_CHARS = 320
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u00a0-\uffff-]"
_MAIL_LABEL = r"[A-Za-z0-9\u00a0-\uffff](?:[A-Za-z0-9_~\u00a0-\uffff-]*[A-Za-z0-9\u00a0-\uffff])?"
_SPACE = re.compile(r"\s")


@cache
def _email_pattern() -> re.Pattern[str]:
    return re.compile(
        rf"{_ATEXT}+(?:\.{_ATEXT}+)*@(?:{_MAIL_LABEL}\.)+[A-Za-z\u00a0-\uffff][A-Za-z0-9\u00a0-\uffff-]*\.?"
    )


def email(value: str) -> Fault | None:
    """Check for an e-mail address with a full domain; an empty one passes."""
    return (
        None
        if not value or is_email(value)
        else Fault("validation_is_email", "Must be a valid email address.")
    )


def is_email(value: str) -> bool:
    """Say whether `value` is a bare e-mail address with a full domain."""
    if len(value) > EMAIL_MAX_CHARS or ".." in value or _SPACE.search(value):
        return False
    return _email_pattern().fullmatch(value) is not None


_HEX_COLOUR = re.compile(r"#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")


def hex_colour(value: str) -> Fault | None:
    """Check for a colour like `#1055c9`; an empty one passes."""
    if not value or _HEX_COLOUR.fullmatch(value):
        return None
    return Fault("validation_is_hex_color", "Must be a valid hexadecimal color code.")
