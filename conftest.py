"""What all tests of the workspace share."""

import gc
import time
from collections.abc import Generator, Iterator
from functools import cache
from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from paseport.errors import AuthError
from paseport_shared.adapters.outbound import guarded_client
from paseport_testkit.harness.standstill import (
    AFTERMATH_SECONDS,
    EXCUSE_SECONDS,
    HEARTBEAT,
    MachineStoodStill,
    Violated,
)

pytest_plugins = ["paseport_testkit.services"]

# Speed never fails a test; milliseconds belong in bench/.
settings.register_profile("paseport", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("paseport")


def pytest_collection_finish() -> None:
    """Keep the collector away from the tests themselves: to look at ten thousand of them again and again is slow.

    And let it come seldom: the app that an HTTP test builds is a hundred thousand objects.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 10)


@pytest.fixture(scope="session", autouse=True)
def authorities_are_read_once() -> Iterator[None]:
    """A run makes a thousand clients, and to read what the system trusts takes each of them 30 ms."""
    make = guarded_client._tls_context
    made = cache(make)
    with pytest.MonkeyPatch.context() as patch:
        # Without a bundle it may be a test of what the system trusts.
        patch.setattr(guarded_client, "_tls_context", lambda bundle: make(None) if bundle is None else made(bundle))
        yield


_SERVICES: Final = frozenset(
    {
        "mariadb",
        "paseport_issuer",
        "partitionable_redis",
        "redis_cluster",
        "redis_node",
        "sealable_vault",
        "stack",
        "toxiproxy",
        "upstream",
        "vault",
    }
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who asks a server has deadlines: it may be told to wait, and Sentinels may replace who stood still."""
    for item in items:
        if item.path.parent.name == "http" or not _SERVICES.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker("deadlines")


_BEGAN: Final = pytest.StashKey[float]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """As ``pytest_runtest_call``; what a test asks for first has deadlines, too."""
    if item.get_closest_marker("deadlines") is not None:
        HEARTBEAT.started()
        item.stash[_BEGAN] = time.monotonic()
    return (yield from excusing_standstills(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Have a test with deadlines done again (``--only-rerun``) that failed while or after the machine stood still."""
    return (yield from excusing_standstills(item))


def excusing_standstills(item: pytest.Item) -> Generator[None, object, object]:
    """Raise ``MachineStoodStill`` for a failure that may be one of the machine."""
    if item.get_closest_marker("deadlines") is None:
        return (yield)
    try:
        return (yield)
    except Violated:
        raise
    except Exception as error:
        seconds = HEARTBEAT.stood_still_seconds(item.stash[_BEGAN] - AFTERMATH_SECONDS)
        if seconds < EXCUSE_SECONDS:
            raise
        message = f"for {seconds:.1f} s"
        raise MachineStoodStill(message) from error


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure the reasons that our errors keep from callers."""
    report = yield
    if report.failed and call.excinfo is not None:
        error: BaseException | None = call.excinfo.value
        while error is not None:
            if isinstance(error, AuthError):
                report.sections.append((type(error).__name__, error.reason))
            error = error.__cause__ or error.__context__
    return report
