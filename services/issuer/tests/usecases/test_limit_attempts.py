"""Limits on tries from one place: attackers who have many addresses, and neighbours who must not pay for them."""

from __future__ import annotations

from itertools import chain, repeat

import pytest
from issuer_world import IssuerWorld
from paseport_shared.domain.errors import TooManyAttempts

_LIMIT = 100


async def exhaust(world: IssuerWorld, *addresses: str | None) -> None:
    """Make as many tries as are allowed, spread over the addresses."""
    for address in list(chain.from_iterable(repeat(addresses, _LIMIT)))[:_LIMIT]:
        await world.use.limit_attempts.from_address(address)


@pytest.mark.parametrize(
    ("used", "same", "other"),
    [
        (("192.0.2.7",), "192.0.2.7", "192.0.2.8"),
        # One IPv6 subscriber holds a /64 at least: 2^64 addresses are no 2^64 tries.
        (("2001:db8::1", "2001:db8::2"), "2001:db8::ffff:ffff:ffff:ffff", "2001:db8:0:1::1"),
        (("2001:DB8:0::1", "2001:db8:0:0:1::"), "2001:db8::", "2001:db9::"),
        ((None,), None, "192.0.2.7"),
        (("a socket",), "a socket", "another socket"),
    ],
)
async def test_one_subscriber_has_one_bucket(
    world: IssuerWorld, used: tuple[str | None, ...], same: str | None, other: str
) -> None:
    """LG-17, LG-12."""
    await exhaust(world, *used)

    with pytest.raises(TooManyAttempts):
        await world.use.limit_attempts.from_address(same)
    await world.use.limit_attempts.from_address(other)
