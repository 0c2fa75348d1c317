"""Several server processes on one PostgreSQL: killed, started again, joined by another; and a database that goes away."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
import pytest
from tests.databases import Databases, url_of
from tests.live.test_server import free_port

from backstay.plans.request import RequestInfo
from backstay.records.query import RecordCall
from backstay.site import open_site

pytestmark = [pytest.mark.anyio]
DEADLINE_S = 20.0
SOURCE = {**os.environ, "PYTHONUNBUFFERED": "1"}
ITEMS = {
    "name": "items",
    "type": "base",
    "fields": [{"name": "who", "type": "text"}, {"name": "n", "type": "number"}],
    **dict.fromkeys(("listRule", "viewRule", "createRule", "updateRule"), ""),
}


def has_postgresql() -> bool:
    try:
        psycopg.connect(url_of("postgres"), connect_timeout=2).close()
    except psycopg.Error:
        return False
    return True


needs_postgresql = pytest.mark.skipif(
    not has_postgresql(), reason="no PostgreSQL answers (see tests/databases.py)"
)
needs_nginx = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")


needs_pgbouncer = pytest.mark.skipif(shutil.which("pgbouncer") is None, reason="PgBouncer is not installed")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[str]:
    """An empty database."""
    databases = Databases()
    databases.is_on = True
    yield databases.of(tmp_path / "no folder")
    databases.drop()


class Process:
    """One `backstay serve`."""

    def __init__(self, folder: Path, database: str, port: int) -> None:
        self.port, self.url = port, f"http://127.0.0.1:{port}"
        self.data = folder / f"data{port}"
        self._command = [sys.executable, "-m", "backstay", "serve", "--data", str(self.data)]
        self._command += ["--database", database, "--http", f"127.0.0.1:{port}"]
        self._folder, self._env = folder, SOURCE
        self.process: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        with (self._folder / f"{self.port}.log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command, cwd=self._folder, stdout=log, stderr=log, env=self._env
            )

    async def start(self) -> None:
        """Launch it, and wait until it answers."""
        self.launch()
        async with asyncio.timeout(DEADLINE_S), httpx.AsyncClient() as client:
            while True:
                assert self.process is not None
                assert self.process.poll() is None, (self._folder / f"{self.port}.log").read_text()
                try:
                    await client.get(f"{self.url}/api/health")
                except httpx.HTTPError:
                    await asyncio.sleep(0.1)
                else:
                    return

    def kill(self) -> None:
        """End it without a chance to do anything."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


def create_superuser(folder: Path, database: str) -> None:
    """Create the superuser that `token` signs in."""
    words = ["superuser", "create", "boss@example.com", "correct horse"]
    data = ["--database", database, "--data", str(folder / "cli")]
    done = subprocess.run([sys.executable, "-m", "backstay", *words, *data], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
async def processes(tmp_path: Path, database: str) -> AsyncIterator[list[Process]]:
    """Four processes of one site, of which three run; `items` is open to everybody."""
    found = [Process(tmp_path, database, free_port()) for _ in range(4)]
    try:
        await found[0].start()
        await asyncio.to_thread(create_superuser, tmp_path, database)
        await asyncio.gather(found[1].start(), found[2].start())
        async with httpx.AsyncClient(
            base_url=found[1].url
        ) as client:  # another one than the next requests meet
            await create(client, "_superusers", ITEMS)
        yield found
    finally:
        for process in found:
            process.kill()


async def token(client: httpx.AsyncClient) -> dict[str, str]:
    body = {"identity": "boss@example.com", "password": "correct horse"}
    reply = await client.post("/api/collections/_superusers/auth-with-password", json=body)
    assert reply.status_code == 200, reply.text
    return {"Authorization": reply.json()["token"]}


async def create(client: httpx.AsyncClient, _: str, definition: dict[str, Any]) -> None:
    reply = await client.post("/api/collections", json=definition, headers=await token(client))
    assert reply.status_code == 200, reply.text


class Subscriber:
    """An open event stream of one process, subscribed to all items by way of any other."""

    def __init__(self, process: Process, elsewhere: str) -> None:
        self._process, self._elsewhere = process, elsewhere
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.ready = asyncio.Event()

    async def listen(self) -> None:
        event = ""
        async with (
            httpx.AsyncClient(timeout=None) as client,
            client.stream("GET", f"{self._process.url}/api/realtime") as stream,
        ):
            async for line in stream.aiter_lines():
                if line.startswith("event:"):
                    event = line[6:].strip()
                elif line.startswith("data:"):
                    await self._take(client, event, json.loads(line[5:]))

    async def _take(self, client: httpx.AsyncClient, event: str, data: dict[str, Any]) -> None:
        if event == "PB_CONNECT":
            body = {"clientId": data["clientId"], "subscriptions": ["items/*"]}
            reply = await client.post(f"{self._elsewhere}/api/realtime", json=body)
            assert reply.status_code == 204, reply.text
            self.ready.set()
        else:
            self.heard.append((data["action"], data["record"]))


class Writer:
    """Creates and changes records until told to stop, and remembers what was acknowledged."""

    def __init__(self, name: str, url: str) -> None:
        self.name, self._url = name, url
        self.acknowledged: dict[str, int] = {}
        self.faults: Counter[int] = Counter()
        self.is_over = False

    async def write(self) -> None:
        async with httpx.AsyncClient(base_url=self._url, timeout=DEADLINE_S) as client:
            number = 0
            while not self.is_over:
                number += 1
                body = {"who": self.name, "n": number}
                made = await self._ask(client.post("/api/collections/items/records", json=body))
                if made is not None:
                    self.acknowledged[made["id"]] = number
                    if number % 3 == 0:
                        path = f"/api/collections/items/records/{made['id']}"
                        await self._ask(client.patch(path, json={"n+": 1000}))
                await asyncio.sleep(0.01)

    async def _ask(self, request: Any) -> Any:
        try:
            reply = await request
        except httpx.HTTPError:
            self.faults[0] += 1
            return None
        if reply.status_code != 200:
            self.faults[reply.status_code] += 1
            return None
        return reply.json()


NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log warn;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    upstream site {{ {servers} }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://site; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_buffering off; proxy_connect_timeout 2s;
        }}
    }}
}}
"""


@asynccontextmanager
async def nginx(folder: Path, processes: list[Process]) -> AsyncIterator[str]:
    """Spread requests over all processes, those that don't run yet included."""
    port = free_port()
    servers = " ".join(f"server 127.0.0.1:{process.port} max_fails=0;" for process in processes)
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port, servers=servers))
    running = subprocess.Popen(["nginx", "-c", str(config), "-e", str(folder / "nginx.log")])
    try:
        await asyncio.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait()


async def all_items(url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    async with httpx.AsyncClient(base_url=url) as client:
        page = 1
        while True:
            params: dict[str, str | int] = {"perPage": 500, "page": page, "sort": "id"}
            reply = (await client.get("/api/collections/items/records", params=params)).json()
            found += reply["items"]
            if page >= reply["totalPages"]:
                assert reply["totalItems"] == len(found)
                return found
            page += 1


@needs_postgresql
@needs_nginx
async def test_processes_come_and_go(tmp_path: Path, processes: list[Process]) -> None:
    first, second, third, fourth = processes
    async with nginx(tmp_path, processes) as url:
        subscribers = [Subscriber(process, url) for process in (first, second) for _ in range(3)]
        tasks = [asyncio.create_task(subscriber.listen()) for subscriber in subscribers]
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.gather(*(subscriber.ready.wait() for subscriber in subscribers))
        writers = [Writer(f"w{number}", url) for number in range(6)]
        tasks += [asyncio.create_task(writer.write()) for writer in writers]
        await asyncio.sleep(2)
        third.kill()
        await asyncio.sleep(1)
        await third.start()
        await fourth.start()
        await asyncio.sleep(2)
        for writer in writers:
            writer.is_over = True
        await asyncio.gather(*tasks[len(subscribers) :])
        items = await all_items(fourth.url)
        ids = {item["id"] for item in items}
        async with asyncio.timeout(DEADLINE_S):
            while any(len({r["id"] for _, r in item.heard}) < len(ids) for item in subscribers):
                await asyncio.sleep(0.05)
        for task in tasks[: len(subscribers)]:
            task.cancel()
    acknowledged = {id for writer in writers for id in writer.acknowledged}
    assert len(acknowledged) > 100, "there was something to lose"
    assert acknowledged <= ids, "an acknowledged write is lost"
    assert len(items) == len({(item["who"], item["n"] % 1000) for item in items}), "a write is doubled"
    assert sum(sum(writer.faults.values()) for writer in writers) <= len(writers), [w.faults for w in writers]
    for subscriber in subscribers:
        created = [record["id"] for action, record in subscriber.heard if action == "create"]
        assert Counter(created) == Counter(ids), "each is heard of once"
        by_record: dict[str, list[int]] = defaultdict(list)
        for _, record in subscriber.heard:
            by_record[record["id"]].append(record["n"])
        assert all(numbers == sorted(numbers) for numbers in by_record.values()), "in order"


@needs_postgresql
async def test_changes_of_schema_and_settings_are_seen_everywhere(processes: list[Process]) -> None:
    async with httpx.AsyncClient() as client:
        here, there = processes[0].url, processes[2].url
        async with httpx.AsyncClient(base_url=here) as boss:
            headers = await token(boss)
        for number in range(5):
            definition = {**ITEMS, "name": f"made{number}"}
            made = await client.post(f"{here}/api/collections", json=definition, headers=headers)
            assert made.status_code == 200, made.text
            async with asyncio.timeout(1.0):
                while (await client.get(f"{there}/api/collections/made{number}/records")).status_code != 200:
                    await asyncio.sleep(0.01)
            changed = {"meta": {"appName": f"site {number}"}}
            await client.patch(f"{here}/api/settings", json=changed, headers=headers)
            async with asyncio.timeout(1.0):
                while True:
                    reply = await client.get(f"{there}/api/settings", headers=headers)
                    if reply.json()["meta"]["appName"] == f"site {number}":
                        break


@contextmanager
def away(database: str) -> Iterator[None]:
    """Cut all connections of a database, and refuse new ones."""
    name = database.rpartition("/")[2]
    with psycopg.connect(url_of("postgres"), autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false".encode())
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        try:
            yield
        finally:
            admin.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true".encode())


@needs_postgresql
async def test_the_database_goes_away_and_comes_back(processes: list[Process], database: str) -> None:
    """Connections are cut and refused for a while: requests get 503 in time, streams stay, nothing kept is lost."""
    process = processes[0]
    subscriber = Subscriber(process, processes[1].url)
    listening = asyncio.create_task(subscriber.listen())
    async with httpx.AsyncClient(base_url=process.url, timeout=DEADLINE_S) as client:
        await asyncio.wait_for(subscriber.ready.wait(), DEADLINE_S)
        kept = (await client.post("/api/collections/items/records", json={"who": "before"})).json()["id"]
        with away(database):
            for method, path in (("GET", f"/{kept}"), ("POST", ""), ("GET", "")):
                began_s = asyncio.get_running_loop().time()
                reply = await client.request(
                    method, f"/api/collections/items/records{path}", json={"who": "x"}
                )
                assert reply.status_code == 503, reply.text
                assert int(reply.headers["Retry-After"]) >= 1
                assert asyncio.get_running_loop().time() - began_s < 10
        async with asyncio.timeout(DEADLINE_S):
            while (await client.get(f"/api/collections/items/records/{kept}")).status_code != 200:
                await asyncio.sleep(0.1)
            while (
                made := await client.post("/api/collections/items/records", json={"who": "after"})
            ).status_code != 200:
                await asyncio.sleep(0.1)
            while made.json()["id"] not in {record["id"] for _, record in subscriber.heard}:
                await asyncio.sleep(0.1)
    assert not listening.done(), "the stream has survived"
    listening.cancel()


PGBOUNCER = """
[databases]
* = host={host} port={port} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 6
"""


@asynccontextmanager
async def pgbouncer(database: str) -> AsyncIterator[str]:
    """Put a pooler in front of a database that lends a connection for one transaction; yield the way through it."""
    server, own = urlsplit(database), free_port()
    folder = Path(
        tempfile.mkdtemp(prefix="backstay-pgbouncer-")
    )  # it runs as another user, who must get there
    config = folder / "pgbouncer.ini"
    config.write_text(
        PGBOUNCER.format(host=server.hostname, port=server.port or 5432, user=server.username, own=own)
    )
    folder.chmod(0o755)
    config.chmod(0o644)
    user = "nobody" if os.getuid() == 0 else None  # it refuses to run as root
    running = subprocess.Popen(["pgbouncer", "-q", str(config)], user=user, stderr=subprocess.DEVNULL)
    try:
        await asyncio.sleep(0.5)
        yield urlunsplit(server._replace(netloc=f"{server.username}@127.0.0.1:{own}"))
    finally:
        running.terminate()
        running.wait()
        shutil.rmtree(folder)


@needs_postgresql
@needs_pgbouncer
async def test_behind_a_pooler(tmp_path: Path, database: str) -> None:
    """Two sites through a pooler, which keeps neither what is prepared nor who listens, see each other's changes."""
    async with (
        pgbouncer(database) as url,
        open_site(tmp_path / "a", database=url) as first,
        open_site(tmp_path / "b", database=url) as second,
    ):
        made = await first.create_collection(ITEMS)
        call = RecordCall(first.catalog, made, RequestInfo())
        ids = [json.loads(await first.writer.create(call.by(RequestInfo())))["id"] for _ in range(20)]
        async with asyncio.timeout(1.0):
            while second.catalog.find("items") is None:
                await asyncio.sleep(0.01)
                await second.refresh()
        for record_id in ids:  # more often than a statement is run until it is prepared
            await second.reader.view(RecordCall(second.catalog, made, RequestInfo(), record_id))
