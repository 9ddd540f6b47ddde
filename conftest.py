"""What all tests of the workspace share."""

from hypothesis import HealthCheck, settings

# Speed never fails a test; milliseconds belong in bench/.
settings.register_profile("paseport", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("paseport")
