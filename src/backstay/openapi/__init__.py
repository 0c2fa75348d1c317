"""The site's HTTP API as an OpenAPI 3.1 document, as far as a viewer may use it."""

from backstay.openapi.document import Operation, document

__all__ = ["Operation", "document"]
