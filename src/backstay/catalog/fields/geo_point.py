"""A place on earth: longitude and latitude in degrees (WGS 84)."""

from __future__ import annotations

from typing import Any

import msgspec

from backstay.catalog.casts import format_number, to_number
from backstay.catalog.fields.base import REQUIRED, DbValue, FieldBase, Kind, Value
from backstay.errors import Fault
from backstay.strict_json import read_json

MILLIONTH = 1e-6
_encode = msgspec.json.Encoder().encode


class GeoPointField(FieldBase, frozen=True, kw_only=True, tag="geoPoint"):
    """`{"lon": -180..180, "lat": -90..90}`; `required` refuses 0/0."""

    help: str = ""
    required: bool = False

    kind = Kind.JSON

    @property
    def zero(self) -> Value:
        return {"lon": 0, "lat": 0}

    def cast(self, raw: Any) -> Value:
        if isinstance(raw, str):
            try:
                raw = read_json(raw)
            except ValueError:
                return self.zero
        match raw:
            case {"lon": lon, "lat": lat}:
                pass
            case dict():
                lon, lat = raw.get("lon", 0), raw.get("lat", 0)
            case _:
                return self.zero
        return {"lon": _coordinate(lon), "lat": _coordinate(lat)}

    def check(self, value: Value, *, new: bool) -> Fault | None:
        if value["lon"] == 0 and value["lat"] == 0:
            return REQUIRED if self.required else None
        if not -90 <= value["lat"] <= 90:
            return Fault("validation_invalid_latitude", "Latitude must be between -90 and 90 degrees.")
        if not -180 <= value["lon"] <= 180:
            return Fault("validation_invalid_longitude", "Longitude must be between -180 and 180 degrees.")
        return None

    def store(self, value: Value) -> DbValue:
        """Return the point as JSON, byte for byte as the protocol compares and sorts it."""
        return f'{{"lon":{_printed(value["lon"])},"lat":{_printed(value["lat"])}}}'


def _coordinate(raw: Any) -> int | float:
    """Return a number as it is; a text is none, whatever it says."""
    return to_number(raw) if isinstance(raw, (int, float)) and not isinstance(raw, bool) else 0


def _printed(number: int | float) -> str:
    """Print a number; only what is smaller than a millionth gets an exponent."""
    return format_number(number) if number == 0 or abs(number) >= MILLIONTH else _encode(number).decode()
