"""What all tests of the workspace share."""

import gc
import time
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings
from paseport_testkit.harness.standstill import EXCUSE_SECONDS, HEARTBEAT, MachineStoodStill, Violated

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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Have a test with deadlines done again (``--only-rerun``) that failed while the machine stood still."""
    if item.get_closest_marker("deadlines") is None:
        return (yield)
    heartbeat, began_at = HEARTBEAT.started(), time.monotonic()
    try:
        return (yield)
    except Violated:
        raise
    except Exception as error:
        seconds = heartbeat.stood_still_seconds(began_at)
        if seconds < EXCUSE_SECONDS:
            raise
        message = f"for {seconds:.1f} s"
        raise MachineStoodStill(message) from error
