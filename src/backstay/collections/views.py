"""tmp"""

import re
from typing import Any

import msgspec

from backstay.catalog.fields import *
from backstay.catalog.validate import ViewAnalysis
from backstay.plans.params import Statement


class ViewProbe:
    def __init__(self, catalog: Any) -> None:
        self.c = catalog
        self.a = {}

    async def look(self, tx: Any, query: str) -> None:
        try:
            await tx.execute(Statement(f"CREATE VIEW _probe AS SELECT * FROM ({query})"))
            names = [r[0] for r in await tx.fetch(Statement("select name from pragma_table_info('_probe')"))]
            await tx.execute(Statement("DROP VIEW _probe"))
        except Exception as e:
            self.a[query] = ViewAnalysis((), str(e))
            return
        cols = [self.c.find(m) for m in re.findall(r'(?:from|join)\s+[`"]?(\w+)', query, re.I)]
        out = []
        for n in names:
            src = next((c.by_name[n] for c in cols if c and n in c.by_name), None)
            m = re.search(r'(\w+)\.(\w+)\s+(?:as\s+)?[`"]?%s\b' % n, query, re.I)
            if m:
                for c in cols:
                    if c and m[2] in c.by_name:
                        src = c.by_name[m[2]]
            if n == "id":
                out.append(
                    TextField(
                        id="text3208210256",
                        name="id",
                        system=True,
                        required=True,
                        primaryKey=True,
                        pattern="^[a-z0-9]+$",
                    )
                )
            elif src:
                out.append(msgspec.structs.replace(src, name=n, id="_clone_" + n))
            else:
                out.append(JsonField(id="json" + n, name=n, maxSize=1))
        self.a[query] = ViewAnalysis(tuple(out))

    def analysis(self, query: str) -> ViewAnalysis:
        return self.a.get(query, ViewAnalysis((), "x"))


async def reading_views(tx: Any, catalog: Any, c: Any) -> list[Any]:
    return []
