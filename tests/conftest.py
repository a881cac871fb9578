import gc
import os
import threading
import time
from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.harness.postgres import PostgresServer, kept_in, programs
from tests.harness.server import Server
from tests.harness.trust import share_trust

settings.register_profile("ci", deadline=None, print_blob=True)
settings.load_profile("ci")

UNTIL = float(os.environ.get("TESTS_UNTIL", "inf"))
"""When the time that CI gives to the tests is over, in seconds since the epoch."""

PLUGIN = Path(__file__).parent / "harness" / "plugin.py"
ABSENT = Path(__file__).parent / "harness" / "absent"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from tests.harness.distribution import scheduler

    return scheduler(config, log)


def pytest_configure(config: pytest.Config) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        from tests.harness.distribution import begin_elsewhere

        begin_elsewhere(config)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage among thousands of tests, neither while they are collected nor later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None, object, object]:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return (yield)
    from tests.harness.distribution import longest_first, one_at_a_time

    with one_at_a_time():
        done = yield
    items[:] = longest_first(items)
    return done


def pytest_runtest_setup() -> None:
    """Skip what is left when the time that CI gives to the tests is over."""
    if time.time() > UNTIL:
        pytest.skip("the machine is slow today, and the time for the tests is over")


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> Iterator[None]:
    """Hide the settings of the person who runs the tests, also from the servers that files share."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("STEPWELL_"):
                patch.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def _as_installed() -> Iterator[None]:
    """Hide optional packages from the servers that tests start, which makes them start faster."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ABSENT))
        yield


@pytest.fixture(scope="session", autouse=True)
def _shared_trust() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        share_trust(patch)
        yield


@pytest.fixture(scope="session", autouse=True)
def _open_journals_end_with_the_tests() -> Iterator[None]:
    """Let the process end though a test that failed has left a journal open, with its threads."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aiosqlite.core.Thread", partial(threading.Thread, daemon=True))
        yield


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "data", PLUGIN) as running:
        yield running


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("shared") / "data", PLUGIN) as running:
        yield running


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--journal", choices=("sqlite", "postgres"), default="sqlite")


def pytest_collection_finish(session: pytest.Session) -> None:
    if session.config.getoption("--journal") == "sqlite":
        return
    for item in session.items:
        if item.get_closest_marker("data_folder"):
            item.add_marker(pytest.mark.skip("it is about the data folder's own file or files"))


@pytest.fixture(scope="session", autouse=True)
def _journal_by_option(request: pytest.FixtureRequest) -> Iterator[None]:
    """Keep every journal in PostgreSQL when `--journal postgres` is given."""
    if request.config.getoption("--journal") == "sqlite":
        yield
        return
    from tests.harness.s3 import files_in_s3

    with pytest.MonkeyPatch.context() as patch, files_in_s3() as files:
        kept_in(request.getfixturevalue("postgres"), patch, files)
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Return one PostgreSQL server for all tests that ask for it."""
    if programs() is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with PostgresServer() as running:
        yield running
