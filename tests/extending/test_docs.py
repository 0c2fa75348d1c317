"""docs/extending.md, followed by somebody new: its snippets make one site, which does what the text says."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from backstay.app import Backstay
from backstay.extending.loading import load_file
from tests.extending.conftest import PASSWORD, Opening

pytestmark = pytest.mark.anyio
TEXT = (Path(__file__).parents[2] / "docs/extending.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def app(tmp_path: Path) -> Backstay:
    file = tmp_path / "site.py"
    file.write_text("\n".join(SNIPPETS))
    found = load_file(file, f"docs_site_{tmp_path.name}").app
    assert isinstance(found, Backstay)
    return found


async def test_the_site_of_the_documentation(
    app: Backstay, opening: Opening, capsys: pytest.CaptureFixture[str]
) -> None:
    async with opening(app) as site:
        ann = await app.records("users").create(email="ann@example.com", password=PASSWORD)
        door = "/api/collections/users/auth-with-password"
        body = {"identity": "ann@example.com", "password": PASSWORD}
        refused = await site.ask("POST", door, json=body)
        assert refused.json()["message"] == "Please confirm your address first."
        await app.records("users").update(ann.id, verified=True)
        login = {"email": "ann@example.com", "password": PASSWORD}
        reply = await site.ask("POST", "/api/login", json=login)
        assert reply.json()["id"] == ann.id
        token = reply.json()["token"]
        wrong = await site.ask("POST", "/api/login", json={**login, "password": "wrong"})
        assert (wrong.status_code, wrong.json()["message"]) == (400, "Failed to authenticate.")

        orders = "/api/collections/orders/records"
        order = {"customer": ann.id, "price": 5, "count": 3, "total": 1}
        made = await site.ask("POST", orders, token, json=order)
        assert made.json()["total"] == 15, made.text
        dear = await site.ask("POST", orders, token, json={**order, "price": 9999})
        assert dear.json()["data"]["total"]["message"] == "We take orders up to 10,000."
        assert (await site.ask("POST", orders, json=order)).status_code == 400
        printed = ""
        while "invoice for" not in printed or "is on disk" not in printed:
            await asyncio.sleep(0.01)
            printed += capsys.readouterr().out
        assert printed.count(made.json()["id"]) == 2

        await app.records("products").create(sku="pen", stock=3)
        sale = {"sku": "pen", "count": 2}
        assert (await site.ask("POST", "/api/sales", json=sale)).status_code == 401
        assert (await site.ask("POST", "/api/sales", token, json=sale)).json() == {"sold": True}
        assert (await site.ask("POST", "/api/sales", token, json=sale)).json() == {"sold": False}
        assert (await site.ask("GET", "/api/stock/pen")).json() == {"stock": 1}
        assert (await site.ask("GET", "/shop/me", token)).json() == {"id": ann.id}
        assert (await site.ask("GET", "/shop/me")).json() == {"id": ""}
        assert (await site.ask("GET", "/api/greet/Ann")).json() == "Ahoy, Ann!"
        assert [schedule.name for schedule in app.site.schedules if "digest" in schedule.name]
