"""Backstay: the back end of a website in one Python package.

What a site's own code needs is here, and loaded when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backstay.app import Backstay
    from backstay.declared import Auth, AuthCollection, Collection, Index, Rules, ViewCollection, field
    from backstay.errors import BadRequest, Fault, Forbidden, NotFound, RequestError, SetupError, Unauthorized
    from backstay.extending.data import File, Page, Record, Records
    from backstay.extending.events import Event, MomentEvent, Reading, Reject
    from backstay.extending.mounts import mounted_viewer
    from backstay.jobs import GiveUp
    from backstay.moments import (
        AccountStep,
        BatchedRequest,
        Batching,
        Downloading,
        FileToken,
        Messaging,
        Posting,
        ProviderSignIn,
        SchemaChange,
        SigningIn,
        Subscribing,
    )
    from backstay.plans.request import Viewer

__version__ = "0.1.0"

_HOMES = {
    "backstay.app": ("Backstay",),
    "backstay.declared": (
        "Auth",
        "AuthCollection",
        "Collection",
        "Index",
        "Rules",
        "ViewCollection",
        "field",
    ),
    "backstay.errors": (
        "BadRequest",
        "Fault",
        "Forbidden",
        "NotFound",
        "RequestError",
        "SetupError",
        "Unauthorized",
    ),
    "backstay.extending.data": ("File", "Page", "Record", "Records"),
    "backstay.extending.events": ("Event", "MomentEvent", "Reading", "Reject"),
    "backstay.extending.mounts": ("mounted_viewer",),
    "backstay.jobs": ("GiveUp",),
    "backstay.moments": (
        "AccountStep",
        "BatchedRequest",
        "Batching",
        "Downloading",
        "FileToken",
        "Messaging",
        "Posting",
        "ProviderSignIn",
        "SchemaChange",
        "SigningIn",
        "Subscribing",
    ),
    "backstay.plans.request": ("Viewer",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AccountStep",
    "Auth",
    "AuthCollection",
    "Backstay",
    "BadRequest",
    "BatchedRequest",
    "Batching",
    "Collection",
    "Downloading",
    "Event",
    "Fault",
    "File",
    "FileToken",
    "Forbidden",
    "GiveUp",
    "Index",
    "Messaging",
    "MomentEvent",
    "NotFound",
    "Page",
    "Posting",
    "ProviderSignIn",
    "Reading",
    "Record",
    "Records",
    "Reject",
    "RequestError",
    "Rules",
    "SchemaChange",
    "SetupError",
    "SigningIn",
    "Subscribing",
    "Unauthorized",
    "ViewCollection",
    "Viewer",
    "__version__",
    "field",
    "mounted_viewer",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'backstay' has no attribute '{name}'")
    return getattr(import_module(_HOME_OF[name]), name)
