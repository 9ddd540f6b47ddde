"""How often somebody may try to sign in, and have clients wait for it."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import Final
from uuid import UUID

from paseport.clock import Clock
from paseport_shared.domain.models.identifiers import canonical
from paseport_shared.domain.ports.attempt_limiter import Attempt, AttemptLimiter, Limit

WINDOW: Final = timedelta(minutes=15)
ATTEMPTS_PER_ACCOUNT: Final = 10
REQUESTS_PER_ATTEMPT: Final = 10
"""How many authorization requests an address may leave waiting, for each try to sign in that it has."""
_IPV6_SITE_BITS: Final = 64


class LimitAttempts:
    """Counts per address and per account. All of it raises ``TooManyAttempts`` and ``Unavailable``."""

    def __init__(self, limiter: AttemptLimiter, clock: Clock, *, attempts_per_address: int) -> None:
        self._limiter = limiter
        self._clock = clock
        self._per_address = Limit(attempts_per_address, WINDOW)
        self._per_account = Limit(ATTEMPTS_PER_ACCOUNT, WINDOW)
        self._waiting_per_address = Limit(attempts_per_address * REQUESTS_PER_ATTEMPT, WINDOW)

    async def from_address(self, address: str | None) -> None:
        """Count a try from this address, before anything of the request is read (LG-03, LG-17).

        Success forgives nothing here: an attacker with one account of their own could reset it at will.
        """
        await self._limiter.take(
            [Attempt(f"login:address:{_network_of(address)}", self._per_address)], self._clock.now()
        )

    async def on_waiting(self, address: str | None) -> None:
        """Count an authorization request that begins to wait: anybody may send one, and each is kept for a while."""
        key = f"authorize:address:{_network_of(address)}"
        await self._limiter.take([Attempt(key, self._waiting_per_address)], self._clock.now())

    async def on_refused_credential(self, address: str | None) -> None:
        """Count a credential that was refused: who goes on with a wrong one hears that it is too often.

        The right one is never counted and never held up. A secret of 256 random bits is not guessed in any number of
        tries, and one service with an old secret must not silence its neighbours behind the same address.
        """
        key = f"credential:address:{_network_of(address)}"
        await self._limiter.take([Attempt(key, self._per_address)], self._clock.now())

    async def on_account(self, login: str, user_id: UUID | None) -> str:
        """Count a try on an account and return its counter's key.

        The counter hangs on the user, however the account was spelled (LG-10); an unknown name has a counter of its
        own, so that the limit tells nobody which names exist (LG-16).
        """
        key = f"login:account:{user_id}" if user_id is not None else f"login:name:{canonical(login)}"
        await self._limiter.take([Attempt(key, self._per_account)], self._clock.now())
        return key

    async def forgive(self, key: str) -> None:
        """Forget the tries on an account whose password was given rightly."""
        await self._limiter.forgive(key)


def _network_of(address: str | None) -> str:
    """Return what one subscriber holds: an IPv4 address, or an IPv6 /64, in which every host has 2^64 addresses."""
    if address is None:
        return "unknown"
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(ipaddress.ip_network((parsed, _IPV6_SITE_BITS), strict=False))
