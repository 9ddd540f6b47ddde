"""The token that our requests carry: where it comes from, and how it stays alive."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import msgspec
from hvac.api import auth_methods  # type: ignore[import-untyped]  # hvac ships no types
from paseport.clock import Clock
from paseport.secret import Secret

from paseport_shared.adapters.vault.answers import VaultFailed, VaultRefused
from paseport_shared.adapters.vault.transport import VaultTransport, Wire
from paseport_shared.domain.errors import Unavailable

LOGIN_PAUSE_SECONDS: Final = 1.0
"""Between a login that led to nothing and the next one."""
RETRY_SECONDS: Final = 1.0
"""Between a renewal that failed and the next one: a token's last third has room for several."""
_RENEW_AT: Final = 2 / 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StaticToken:
    """A token that somebody else made (``VAULT_TOKEN``). It is renewed, and where it ends there is no other."""

    token: Secret[str]


@dataclass(frozen=True, slots=True)
class AppRole:
    """The right to log in. ``mount_path`` is where the AppRole method is mounted."""

    role_id: str
    secret_id: Secret[str]
    mount_path: str = "approle"


Credential = StaticToken | AppRole


@dataclass(eq=False, slots=True)
class HeldToken:
    """A token as it is used now. Two of them are the same only if they are one object."""

    secret: Secret[str]
    granted_seconds: float | None = None
    """Its first lease; 0 for a token that never ends, None where nobody has asked yet."""
    renew_at: float | None = None
    """When to renew, by the monotonic clock; None for never."""
    is_renewable: bool = True
    was_accepted: bool = False


class _Lease(msgspec.Struct, frozen=True):
    lease_duration: int
    renewable: bool
    client_token: str = ""


class _LoginAnswer(msgspec.Struct, frozen=True):
    auth: _Lease


class _Looked(msgspec.Struct, frozen=True):
    ttl: int
    renewable: bool


class LookupAnswer(msgspec.Struct, frozen=True):
    """What a token says of itself."""

    data: _Looked


class TokenKeeper:
    """Holds one token for all callers. Belongs to one event loop.

    Leases are measured by the monotonic clock from before they were asked for, so neither a jump of the wall clock
    (FT-11) nor a slow answer makes one look longer than it is.
    """

    def __init__(self, transport: VaultTransport, credential: Credential, clock: Clock, *, seconds: float) -> None:
        self._transport = transport
        self._credential = credential
        self._clock = clock
        self._seconds = seconds
        self._token = HeldToken(credential.token) if isinstance(credential, StaticToken) else None
        self._login: asyncio.Task[HeldToken] | None = None
        self._no_login_before = 0.0
        self._changed = asyncio.Event()

    async def current(self) -> HeldToken:
        """Return the token to use now, after a login where there is none.

        Raises ``VaultRefused`` and ``VaultFailed``.
        """
        return self._token or await self._log_in()

    async def replace(self, refused: HeldToken) -> HeldToken:
        """Return another token than the one that Vault refused (FT-11).

        Of callers who were refused together the first one logs in and the others get what he got; a login whose token
        is refused too is not repeated before a pause. Raises ``VaultRefused`` and ``VaultFailed``.
        """
        if self._token is not None and self._token is not refused:
            return self._token
        if isinstance(self._credential, StaticToken):
            raise VaultRefused("Vault refuses the token, and there is no other", HTTPStatus.FORBIDDEN)
        return await self._log_in()

    def accepted(self, token: HeldToken) -> None:
        """Take note that Vault did something for this token."""
        token.was_accepted = True
        if token is self._token:
            self._no_login_before = 0.0

    async def keep(self) -> None:
        """Renew the token at two thirds of its life, or get another one then, until cancelled."""
        last_problem = ""
        while True:
            self._changed.clear()
            problem = ""
            try:
                await self.renew_if_due()
                seconds = self._seconds_to_renewal()
            except (VaultRefused, VaultFailed, Unavailable) as error:
                problem = error.reason if isinstance(error, Unavailable) else str(error)
                seconds = RETRY_SECONDS
            if problem and problem != last_problem:
                _log.warning("the Vault token is not renewed: %s", problem)
            last_problem = problem
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):  # noqa: TID251 - a pause
                    await self._changed.wait()

    async def renew_if_due(self) -> None:
        """Do what is due: log in, find out how long a static token lives, renew. Raises as ``current`` does."""
        token = await self.current()
        if token.granted_seconds is None:
            await self._look_up(token)
        if token.renew_at is None or self._clock.monotonic() < token.renew_at:
            return
        if not token.is_renewable:
            await self._replace_ending(token)
            return
        try:
            await self._renew(token)
        except VaultRefused:
            await self._replace_ending(token)

    def close(self) -> None:
        """Give a login up that is under way."""
        if self._login is not None:
            self._login.cancel()

    # --- one login at a time --------------------------------------------------------------------------------------

    async def _log_in(self) -> HeldToken:
        if self._login is None:
            self._login = asyncio.create_task(self._log_in_once())
            self._login.add_done_callback(self._login_ended)
        # A caller who goes away takes nothing from those who wait for the same login.
        return await asyncio.shield(self._login)

    async def _log_in_once(self) -> HeldToken:
        role = self._credential
        if isinstance(role, StaticToken):
            raise VaultRefused("a static token cannot log in", HTTPStatus.FORBIDDEN)
        begun = self._clock.monotonic()
        if begun < self._no_login_before:
            raise VaultRefused("the last login led to nothing, the next one comes in a moment", HTTPStatus.FORBIDDEN)
        self._no_login_before = begun + LOGIN_PAUSE_SECONDS

        def log_in(wire: Wire) -> bytes:
            body: bytes = auth_methods.AppRole(adapter=wire).login(
                role.role_id, role.secret_id.reveal(), use_token=False, mount_point=role.mount_path
            )
            return body

        lease = (await self._transport.send(log_in, _LoginAnswer, token=None, seconds=self._seconds)).auth
        if not lease.client_token:
            raise VaultFailed("Vault's answer to the login has no token")
        token = HeldToken(Secret(lease.client_token), float(lease.lease_duration), is_renewable=lease.renewable)
        self._schedule(token, begun, lease.lease_duration)
        self._token = token
        self._changed.set()
        _log.info("logged in to Vault, the token lives %d s", lease.lease_duration)
        return token

    def _login_ended(self, login: asyncio.Task[HeldToken]) -> None:
        self._login = None
        if not login.cancelled():
            login.exception()  # seen by whoever waited, if anybody did

    # --- leases ---------------------------------------------------------------------------------------------------

    async def _look_up(self, token: HeldToken) -> None:
        begun = self._clock.monotonic()
        looked = await self._transport.send(look_up_self, LookupAnswer, token=token.secret, seconds=self._seconds)
        token.granted_seconds = float(looked.data.ttl)
        token.is_renewable = looked.data.renewable
        self._schedule(token, begun, looked.data.ttl)
        if looked.data.ttl and not looked.data.renewable:
            _log.warning("the Vault token ends in %d s and cannot be renewed", looked.data.ttl)

    async def _renew(self, token: HeldToken) -> None:
        def renew(wire: Wire) -> bytes:
            body: bytes = auth_methods.Token(adapter=wire).renew_self()
            return body

        begun = self._clock.monotonic()
        answer = await self._transport.send(renew, _LoginAnswer, token=token.secret, seconds=self._seconds)
        self._schedule(token, begun, answer.auth.lease_duration)
        _log.info("renewed the Vault token, it lives %d s", answer.auth.lease_duration)
        # Towards the end of what a token may live in all, each renewal grants less. Half is where a new one is better
        # than asking ever more often; a static one is asked for whatever is left.
        if answer.auth.lease_duration * 2 < (token.granted_seconds or 0) and isinstance(self._credential, AppRole):
            await self._replace_ending(token)

    def _schedule(self, token: HeldToken, begun: float, lease_seconds: int) -> None:
        token.renew_at = begun + lease_seconds * _RENEW_AT if lease_seconds else None

    async def _replace_ending(self, token: HeldToken) -> None:
        if isinstance(self._credential, AppRole):
            if self._token is token:
                await self._log_in()
            return
        token.is_renewable = False
        token.renew_at = None
        _log.error("the Vault token cannot be renewed any more: what needs Vault stops when it ends")

    def _seconds_to_renewal(self) -> float | None:
        if self._token is None:
            return 0.0
        if self._token.renew_at is None:
            return None
        return max(0.0, self._token.renew_at - self._clock.monotonic())


def look_up_self(wire: Wire) -> bytes:
    """Ask what the token says of itself: the cheapest request that needs one."""
    body: bytes = auth_methods.Token(adapter=wire).lookup_self()
    return body
