"""The snippets of docs/jobs.md run, one after the other."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from backstay.jobs import Jobs
from backstay.jobs.job import JobLimits
from backstay.site import open_site

pytestmark = pytest.mark.anyio
TEXT = (Path(__file__).parents[2] / "docs" / "jobs.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


async def test_the_snippets_run(tmp_path: Path) -> None:
    assert len(SNIPPETS) == 4
    app = Jobs()
    names: dict[str, object] = {"app": app}
    async with open_site(tmp_path / "data") as site:
        site.use_jobs(app)
        for snippet in SNIPPETS:
            code = compile(snippet, "docs/jobs.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            made = eval(code, names)
            if inspect.isawaitable(made):
                await made
        entries, total = await site.ledger.page()
        assert total == 5
        assert {entry.topic for entry in entries} == {"job:send_invoice", "job:make_report"}
        await site.outbox.drain()
        assert (await site.ledger.page())[1] == 2, "two wait for their time"
    assert [schedule.name for schedule in site.schedules][-2:] == ["morning_mail", "look_around"]


def test_every_option_is_told_with_its_default() -> None:
    for name, parameter in inspect.signature(Jobs.cron).parameters.items():
        assert name in {"self", "expression"} or f"`{name}`" in TEXT, parameter
    for name in (*JobLimits.__struct_fields__, "name"):
        assert re.search(rf"^\| `{name}` \|", TEXT, re.MULTILINE), name
    limits = JobLimits()
    for told in (f"`retries` | {limits.retries} ", f"`backoff_s` | seconds, {limits.backoff_s:g} "):
        assert told in TEXT
    assert f"`timeout_s` | seconds, {limits.timeout_s:g} " in TEXT
