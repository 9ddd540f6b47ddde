"""No release of a dependency that is known to be unsafe can be resolved (SC-02)."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]

# Package → the lowest release without a published vulnerability that concerns us.
FLOORS = {
    "authlib": (1, 6, 9),  # below: keys taken from a token's own header, unchecked `crit` and `at_hash`
    "litestar": (2, 22),  # below: several advisories for its middleware
}


def locked_versions() -> dict[str, tuple[int, ...]]:
    """Every package that requirements.lock resolves, with its release number."""
    pins = re.findall(r"^([A-Za-z0-9._-]+)==([0-9.]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    return {name.lower(): tuple(int(part) for part in version.rstrip(".").split(".")) for name, version in pins}


def test_the_lock_file_is_read() -> None:
    """Guards the test below against a change of format: without pins it would pass whatever is locked."""
    versions = locked_versions()

    assert len(versions) > 50
    assert "litestar" in versions


@pytest.mark.parametrize(("package", "floor"), FLOORS.items())
def test_nothing_older_than_its_security_floor_is_locked(package: str, floor: tuple[int, ...]) -> None:
    """SC-02. A package that nothing depends on yet has no version to judge; the floor waits for it."""
    assert locked_versions().get(package, floor) >= floor
