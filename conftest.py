"""What all tests of the workspace share."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["paseport_testkit.services"]

# Speed never fails a test; milliseconds belong in bench/.
settings.register_profile("paseport", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("paseport")
