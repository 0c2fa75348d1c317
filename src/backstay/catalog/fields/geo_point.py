"""A place on earth: longitude and latitude in degrees (WGS 84)."""

from __future__ import annotations

from typing import Any

import msgspec

from backstay.catalog.casts import to_number
from backstay.catalog.fields.base import REQUIRED, DbValue, FieldBase, Kind, Value
from backstay.errors import Fault
from backstay.strict_json import read_json

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
            case [lon, lat]:
                pass
            case _:
                return self.zero
        return {"lon": to_number(lon), "lat": to_number(lat)}

    def check(self, value: Value, *, new: bool) -> Fault | None:
        if value["lon"] == 0 and value["lat"] == 0:
            return REQUIRED if self.required else None
        if not -90 <= value["lat"] <= 90:
            return Fault("validation_invalid_latitude", "Latitude must be between -90 and 90 degrees.")
        if not -180 <= value["lon"] <= 180:
            return Fault("validation_invalid_longitude", "Longitude must be between -180 and 180 degrees.")
        return None

    def store(self, value: Value) -> DbValue:
        return _encode(value).decode()
