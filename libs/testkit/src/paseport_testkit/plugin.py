"""The pytest plugin for teams whose service accepts Paseport tokens. Registered by its entry point: nothing to load.

It has no hooks and imports nothing until a test asks for a fixture, so test runs that do not use it are none the wiser.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from paseport_testkit.fake_issuer import FakeIssuer, TravelClock


@pytest.fixture
def paseport_audience() -> str:
    """The audience of tokens and verifiers. Define a fixture of this name to use your service's own."""
    from paseport_testkit.fake_issuer.issuer import DEFAULT_AUDIENCE

    return DEFAULT_AUDIENCE


@pytest.fixture
def paseport_clock() -> TravelClock:
    """The clock of this test's issuer and of the verifiers that it makes: ``travel``, ``elapse``."""
    from paseport_testkit.fake_issuer import TravelClock

    return TravelClock()


@pytest.fixture
def paseport_issuer(paseport_audience: str, paseport_clock: TravelClock) -> Iterator[FakeIssuer]:
    """An issuer of this test's own, on a free loopback port."""
    from paseport_testkit.fake_issuer import FakeIssuer

    with FakeIssuer(paseport_audience, clock=paseport_clock) as issuer:
        yield issuer


@pytest.fixture
def mint_token(paseport_issuer: FakeIssuer) -> Callable[..., str]:
    """``FakeIssuer.mint_token`` of this test's issuer: ``mint_token(roles=("Admin",))``."""
    return paseport_issuer.mint_token
