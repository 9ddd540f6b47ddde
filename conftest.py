"""What all tests of the workspace share."""

import gc

from hypothesis import HealthCheck, settings

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
