"""Whether a collection may be stored: all its faults, keyed as its JSON is, with the protocol's codes (A2)."""

from backstay.catalog.validate.case import Case, Judge, ViewAnalysis
from backstay.catalog.validate.run import check, validate

__all__ = ["Case", "Judge", "ViewAnalysis", "check", "validate"]
