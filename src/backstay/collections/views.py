"""tmp"""

from typing import Any

from backstay.catalog.validate import ViewAnalysis


class ViewProbe:
    def __init__(self, catalog: Any) -> None: ...
    async def look(self, tx: Any, query: str) -> None: ...
    def analysis(self, query: str) -> ViewAnalysis:
        return ViewAnalysis()


async def reading_views(tx: Any, catalog: Any, c: Any) -> list[Any]:
    return []
