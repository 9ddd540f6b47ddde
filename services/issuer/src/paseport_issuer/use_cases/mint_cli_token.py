"""Short tokens for the command line in embedded mode."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from paseport.clock import Clock
from paseport_shared.domain.models.client import OFFLINE_ACCESS, Client
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.ensure_accounts import CLI_ACCOUNT_ID
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.sign_access_token import AccessToken, SignAccessToken, UserGrant

LIFETIME: Final = timedelta(seconds=60)


class MintCliToken:
    """Signs a token of the built-in client ``cli`` for the built-in account ``cli``; the caller proved its right."""

    def __init__(self, *, client: Client, record: Record, sign: SignAccessToken, clock: Clock, ids: NewIds) -> None:
        self._client = client
        self._record = record
        self._sign = sign
        self._clock = clock
        self._ids = ids

    async def __call__(self, caller: Caller) -> AccessToken:
        """Return a token that lives 60 s. Raises ``Unavailable`` (an act that cannot be audited is refused)."""
        actor = caller.acting_as(str(CLI_ACCOUNT_ID), self._client.client_id)
        event = self._ids.audit_event(actor, "cli.token_minted", str(CLI_ACCOUNT_ID))

        async def version(transaction: RecordTransaction) -> int:
            account = await transaction.users.get(CLI_ACCOUNT_ID)
            await transaction.audit.append(event)
            return account.version

        grant = UserGrant(
            user_id=CLI_ACCOUNT_ID,
            user_version=await self._record.transact(version),
            session_id=None,
            # No family stands behind it: it cannot be refreshed, but every verifier wants to see one.
            family_id=self._ids.id128(),
            # Nothing outlives this token.
            scope=tuple(name for name in self._client.scope if name != OFFLINE_ACCESS),
            audience=self._client.audience,
            auth_time=self._clock.now(),
            amr=("cli",),
        )
        return await self._sign(self._client, grant, LIFETIME)
