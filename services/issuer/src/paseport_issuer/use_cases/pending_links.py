"""Identities that wait until somebody has proven whose the local account is."""

from __future__ import annotations

from dataclasses import dataclass

from paseport.clock import Clock
from paseport.secret import Secret
from paseport_shared.domain.errors import UnknownSignIn
from paseport_shared.domain.models.external_sign_in import PendingLink
from paseport_shared.domain.models.identifiers import is_id128
from paseport_shared.domain.models.identity_provider import IdentityProvider
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.single_use_store import SingleUseStore

from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.find_provider import FindProvider
from paseport_issuer.use_cases.settle_identity import SettleIdentity


@dataclass(frozen=True, slots=True)
class NamedPendingLink:
    """A pending link and the provider that it is about."""

    pending: PendingLink
    provider: IdentityProvider


class PendingLinks:
    """Each is bound to a browser, a transaction, an identity and an account (XI-11)."""

    def __init__(
        self, store: SingleUseStore[PendingLink], find_provider: FindProvider, settle: SettleIdentity, clock: Clock
    ) -> None:
        self._store = store
        self._find_provider = find_provider
        self._settle = settle
        self._clock = clock

    async def get(self, pending_id: str, browser: Secret[str] | None) -> PendingLink:
        """Return a live one of this browser. Raises ``UnknownSignIn`` and ``Unavailable``."""
        if browser is None or not is_id128(pending_id):
            raise UnknownSignIn("no pending link is named, or no browser")
        pending = await self._store.find(pending_id, self._clock.now())
        if pending is None or not pending.is_held_by(browser):
            raise UnknownSignIn("no pending link of this browser")
        return pending

    async def show(self, pending_id: str, browser: Secret[str] | None) -> NamedPendingLink:
        """Return it with its provider, for the page that asks. Raises as ``get``, and ``UnknownProvider``."""
        pending = await self.get(pending_id, browser)
        return NamedPendingLink(pending, await self._find_provider.by_id(pending.provider_id))

    async def complete(self, pending: PendingLink, caller: Caller) -> User:
        """Link the identity to the account that somebody has just proven to own, and return its user as it is then.

        Raises ``UnknownSignIn`` where it was used meanwhile, and what ``SettleIdentity.link_to`` raises.
        """
        if await self._store.consume(pending.id, self._clock.now()) is None:
            raise UnknownSignIn("used meanwhile, or over")
        settled = await self._settle.link_to(pending.user_id, pending.provider_id, pending.identity, caller)
        return settled.user
