"""/api/docs with documents made by hand: odd schemas, every kind of body and parameter, examples, answers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.live.browser import CHROMIUM, DEADLINE_S
from tests.live.docs_stage import (
    FORM,
    JSON,
    choose_body,
    document,
    echo,
    example,
    fill,
    opened,
    sent,
    stage,
)

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed"),
]
TEXT = {"type": "string"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def fields(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


SCHEMAS: dict[str, Any] = {
    "Leaf": fields("value", value={"type": "integer"}),
    "Branch": fields("left", left=ref("Node"), right=ref("Node")),
    "Node": {"anyOf": [ref("Branch"), ref("Leaf")]},
    "Chain": fields("next", next={"oneOf": [ref("Chain"), {"type": "null"}]}),
    "Itself": {"anyOf": [ref("Itself"), TEXT]},
    "Only": {"anyOf": [ref("Only")]},
    "Within": {"allOf": [ref("Within"), fields(a=TEXT)]},
    "Inner": {"anyOf": [{"allOf": [ref("Inner"), {"description": "again"}]}, TEXT]},
    "Tree": {"type": "array", "items": {"anyOf": [TEXT, ref("Tree")]}},
    "Lists": {"type": "array", "items": ref("Lists")},
    "Circle": ref("Round"),
    "Round": ref("Circle"),
    "Base": fields("id", id=TEXT, kind={"type": "string", "maxLength": 9}),
    "All": {
        "allOf": [
            ref("Base"),
            fields("extra", extra={"type": "integer"}, kind={"enum": ["a", "b"]}),
        ]
    },
    "Bools": fields("a", "b", a=True, b=False, c={"type": "array", "items": True})
    | {"additionalProperties": True},
    "Map": {"type": "object", "additionalProperties": ref("Leaf")},
    "Pair": {"type": "array", "prefixItems": [TEXT, {"type": "integer"}], "items": False},
    "Maybe": {"type": ["object", "null"], "properties": {"constructor": TEXT}},
}


@pytest.mark.parametrize(
    ("schema", "rows", "body"),
    [
        pytest.param(
            ref("Node"),
            [
                "left * Branch | Leaf",
                "left(Leaf).value * integer",
                "right Branch | Leaf",
                "right(Leaf).value * integer",
                "value * integer",
            ],
            {"left": {"value": 0}},
            id="a union through which a type refers to itself",
        ),
        pytest.param(ref("Chain"), ["next * Chain | null"], {"next": None}, id="a type that may end"),
        pytest.param(ref("Itself"), [], "", id="a union with itself"),
        pytest.param(ref("Only"), [], None, id="a union of nothing but itself"),
        pytest.param(ref("Within"), ["a string"], {"a": ""}, id="allOf with itself"),
        pytest.param(ref("Inner"), [], "", id="allOf with itself in a union"),
        pytest.param(ref("Tree"), [], [], id="a list of itself in a union"),
        pytest.param(ref("Lists"), [], [], id="a list of itself"),
        pytest.param(ref("Circle"), [], None, id="references in a circle"),
        pytest.param(
            ref("All"),
            ["id * string", 'kind "a" | "b"', "extra * integer"],
            {"id": "", "extra": 0},
            id="allOf is one type",
        ),
        pytest.param(
            ref("Bools"),
            ["a * any", "b * nothing", "c list of any"],
            {"a": None, "b": None},
            id="true and false",
        ),
        pytest.param(True, [], None, id="true"),
        pytest.param(ref("Map"), [".*.value * integer"], {}, id="keys of any name"),
        pytest.param(ref("Pair"), [], ["", 0], id="a tuple"),
        pytest.param(
            ref("Maybe"), ["constructor string"], {"constructor": ""}, id="a name that objects have"
        ),
        pytest.param({"$ref": "#/nowhere"}, [], None, id="a reference to nothing"),
    ],
)
async def test_schemas(tmp_path: Path, schema: Any, rows: list[str], body: Any) -> None:
    async with stage(document(echo({JSON: schema}), SCHEMAS), tmp_path) as page:
        card = await opened(page, "post-/api/echo")
        shown = await page.run(
            f"[...{card}.querySelectorAll('tbody tr')].map(tr => tr.cells[0].textContent + ' ' + tr.cells[1].textContent)"
        )
        assert shown == rows
        assert json.loads(await page.run(f"{card}.querySelector('textarea').value")) == body
        assert page.said == []


UPLOAD = fields(
    "title",
    title=TEXT,
    photo={"type": "string", "contentMediaType": "application/octet-stream"},
    papers={"type": "array", "items": {"type": "string", "format": "binary"}},
    tags={"type": "array", "items": TEXT},
    open={"type": "boolean"},
)
CHOOSE_FILES = """{{
    const chosen = new DataTransfer();
    for (const name of {names}) chosen.items.add(new File(["in " + name], name));
    const input = {card}.querySelector('[name="{field}"]');
    input.files = chosen.files;
    input.dispatchEvent(new Event("input", {{ bubbles: true }}));
}}"""


async def test_a_body_with_files(tmp_path: Path) -> None:
    """A person chooses the media type, fills in fields, chooses files; curl and JavaScript send the same."""
    async with stage(document(echo({JSON: UPLOAD, FORM: UPLOAD})), tmp_path) as page:
        card = await opened(page, "post-/api/echo")
        assert (await sent(page, card))["text"] == '{\n  "title": ""\n}'
        await choose_body(page, card, FORM)
        kinds = await page.run(
            f"[...{card}.querySelectorAll('.fields [name]')].map(i => [i.name, i.type, i.multiple || false])"
        )
        assert kinds == [
            ["title", "text", False],
            ["photo", "file", False],
            ["papers", "file", True],
            ["tags", "textarea", False],
            ["open", "select-one", False],
        ]
        await fill(page, card, "title", "@it's; fine")
        await fill(page, card, "tags", "red\ngreen\n")
        curl = await example(page, card, "curl")
        texts = [["title", "", "@it's; fine"], ["tags", "", "red"], ["tags", "", "green"]]
        assert (await run_in_shell(curl))["parts"] == texts
        program = await example(page, card, "JavaScript")
        assert json.loads(await page.run(run_in_page(program)))["parts"] == texts
        await page.run(CHOOSE_FILES.format(card=card, field="photo", names='["a.png"]'))
        await page.run(CHOOSE_FILES.format(card=card, field="papers", names="""["b c.pdf", 'd";e.pdf']"""))
        arrived = (await sent(page, card))["parts"]
        assert [part[:2] for part in arrived] == [
            ["title", ""],
            ["photo", "a.png"],
            ["papers", "b c.pdf"],
            ["papers", "d%22;e.pdf"],  # as the standard of HTML wants it
            ["tags", ""],
            ["tags", ""],
        ]
        assert arrived[1][2] == "in a.png"
        assert await example(page, card, "curl") == (
            curl_start(await page.run("location.origin"))
            + " \\\n  --form-string 'title=@it'\\''s; fine' \\\n  -F 'photo=@a.png' \\\n  -F 'papers=@b c.pdf'"
            " \\\n  -F 'papers=@\"d\\\";e.pdf\"' \\\n  -F 'tags=red' \\\n  -F 'tags=green'"
        )
        assert 'form.append("papers", files[1], "b c.pdf");' in await example(page, card, "JavaScript")
        await choose_body(page, card, JSON)
        assert (await sent(page, card))["headers"]["content-type"] == JSON
        assert page.said == []


def curl_start(origin: str) -> str:
    return f"curl -X POST '{origin}/api/echo'"


async def run_in_shell(command: str) -> Any:
    """Run an example; return what arrived. The server is in this process, and must not be kept waiting."""
    shell = await asyncio.create_subprocess_shell(command, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(DEADLINE_S):
        return json.loads((await shell.communicate())[0])


def run_in_page(program: str) -> str:
    """Return an expression which runs an example and gives what it would have written into the console."""
    ending = "console.log(reply.status, await reply.text());"
    assert program.endswith(ending)
    return f"(async () => {{ {program.removesuffix(ending)} return reply.text(); }})()"


async def test_a_body_that_may_be_left_out(tmp_path: Path) -> None:
    async with stage(document(echo({JSON: fields("a", a=TEXT)}, required=False)), tmp_path) as page:
        card = await opened(page, "post-/api/echo")
        assert "may be left out" in await page.run(f"{card}.textContent")
        assert (await sent(page, card))["text"] == '{\n  "a": ""\n}'
        await choose_body(page, card, "")
        arrived = await sent(page, card)
        assert (arrived["text"], arrived["headers"].get("content-type")) == ("", None)
        assert "-d" not in await example(page, card, "curl")


async def test_other_bodies(tmp_path: Path) -> None:
    form, binary = "application/x-www-form-urlencoded", "image/png"
    async with stage(document(echo({form: fields(a=TEXT), binary: True})), tmp_path) as page:
        card = await opened(page, "post-/api/echo")
        await fill(page, card, "a", "1 & 2")
        assert (await sent(page, card))["text"] == "a=1+%26+2"
        assert "--data-urlencode 'a=1 & 2'" in await example(page, card, "curl")
        await choose_body(page, card, binary)
        assert "--data-binary '@FILE'" in await example(page, card, "curl")
        assert (await sent(page, card))["headers"]["content-type"] == binary


async def test_parameters(tmp_path: Path) -> None:
    """Headers are sent, cookies are told, lists are sent one by one, what OpenAPI tells to ignore is not there."""
    told: list[dict[str, Any]] = [
        {"name": "X-Trace", "in": "header", "schema": TEXT},
        {"name": "Authorization", "in": "header", "schema": TEXT},
        {"name": "session", "in": "cookie", "schema": TEXT},
        {"name": "tag", "in": "query", "schema": {"type": "array", "items": TEXT}},
        {"name": "level", "in": "query", "schema": {"enum": ["low", "high"]}},
        {"name": "page", "in": "query"},
    ]
    async with stage(document(echo(method="get", parameters=told)), tmp_path) as page:
        card = await opened(page, "get-/api/echo")
        text = await page.run(f"{card}.textContent")
        assert "a browser doesn't let a page send it" in text
        names = await page.run(f"[...{card}.querySelectorAll('[name]')].map(input => input.name)")
        assert names == ["X-Trace", "tag", "level", "page"]
        await fill(page, card, "X-Trace", "it's 7")
        await fill(page, card, "tag", "a\nb")
        await fill(page, card, "level", "high")
        arrived = await sent(page, card)
        assert arrived["headers"]["x-trace"] == "it's 7"
        assert arrived["query"] == [["tag", "a"], ["tag", "b"], ["level", "high"]]
        by_curl = await run_in_shell(await example(page, card, "curl"))
        assert (by_curl["headers"]["x-trace"], by_curl["query"]) == ("it's 7", arrived["query"])
        by_program = json.loads(await page.run(run_in_page(await example(page, card, "JavaScript"))))
        assert (by_program["headers"]["x-trace"], by_program["query"]) == ("it's 7", arrived["query"])


async def test_the_answer_has_its_headers(tmp_path: Path) -> None:
    async with stage(document(echo(method="get")), tmp_path) as page:
        card = await opened(page, "get-/api/echo")
        await sent(page, card)
        headers = f"{card}.querySelector('.output details')"
        assert await page.run(f"{headers}.open") is False
        assert "x-odd: <b>odd</b>\n" in await page.run(f"{headers}.textContent")


async def test_copying(tmp_path: Path) -> None:
    """The button says what it did; where a page has no clipboard the text is selected, to be copied by hand."""
    async with stage(document(echo({JSON: fields(a=TEXT)})), tmp_path) as page:
        card = await opened(page, "post-/api/echo")
        text = await example(page, card, "curl")
        button = f"{card}.querySelector('.copy')"
        taken = "{ value: { writeText: async text => { window.taken = text; } }, configurable: true }"
        await page.run(f"Object.defineProperty(navigator, 'clipboard', {taken}) && null")
        await page.run(f"{button}.click()")
        await page.until(f"{button}.textContent === 'Copied'")
        assert await page.run("window.taken") == text
        await page.until(f"{button}.textContent === 'Copy'")
        await page.run("Object.defineProperty(navigator, 'clipboard', { value: undefined }) && null")
        await page.run(f"{button}.click()")
        await page.until(f"{button}.textContent.startsWith('Selected')")
        assert await page.run("getSelection().toString()") == text
        assert page.said == []


async def test_an_operation_stands_under_each_of_its_tags(tmp_path: Path) -> None:
    paths = echo(method="get", tags=["shop", "till"])
    async with stage(document(paths), tmp_path) as page:
        tags = "[...document.querySelectorAll('#tags a')].map(a => a.textContent)"
        assert await page.run(tags) == ["shop 1", "till 1"]
        await page.run("document.querySelectorAll('#tags a')[1].click()")
        await page.until("document.querySelector('h2').textContent === 'till'")
        await opened(page, "get-/api/echo")
        assert await page.run("document.querySelector('h2').textContent") == "till"
