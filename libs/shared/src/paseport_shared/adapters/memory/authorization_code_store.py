"""Authorization codes in memory."""

from __future__ import annotations

from uuid import UUID

from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.tidying import TidyingPace
from paseport_shared.domain.errors import AlreadyExists
from paseport_shared.domain.models.authorization import (
    CODE_LIFETIME,
    CODE_REMEMBERED,
    AuthorizationCode,
    HeldCode,
    Redemption,
)


class MemoryAuthorizationCodeStore:
    """``AuthorizationCodeStore`` in dicts. No method awaits between reading and writing."""

    def __init__(self, outage: MemoryOutage | None = None) -> None:
        self._outage = outage or MemoryOutage()
        self._codes: dict[str, AuthorizationCode] = {}
        self._uses: dict[str, int] = {}
        self._attempts: dict[str, str] = {}
        self._pace = TidyingPace()

    async def put(self, code: AuthorizationCode) -> None:
        """Store a new code. Raises ``AlreadyExists`` for a known id."""
        self._outage.check()
        if code.id in self._codes:
            raise AlreadyExists("code")
        if self._pace.is_due(len(self._codes)):
            self._tidy(code)
        self._codes[code.id] = code
        self._uses[code.id] = 0

    async def find(self, code_id: str) -> HeldCode | None:
        """Return the code, used or not, while it is remembered, else None."""
        self._outage.check()
        code = self._codes.get(code_id)
        return None if code is None else HeldCode(code, self._uses[code_id])

    async def redeem(self, code_id: str, attempt: str) -> Redemption:
        """Use the code up in one atomic step: of concurrent callers exactly one gets REDEEMED."""
        self._outage.check()
        if code_id not in self._uses:
            return Redemption.GONE
        self._uses[code_id] += 1
        if self._uses[code_id] > 1:
            return Redemption.REUSED
        self._attempts[code_id] = attempt
        return Redemption.REDEEMED

    async def give_back(self, code_id: str, attempt: str) -> None:
        """Make the code unused again if nobody but this attempt has used it."""
        self._outage.check()
        if self._uses.get(code_id) == 1 and self._attempts[code_id] == attempt:
            self._uses[code_id] = 0

    async def list_for_client(self, user_id: UUID, client_id: str) -> tuple[HeldCode, ...]:
        """Return the codes that a client was given for a user, used or not, while they are remembered."""
        self._outage.check()
        return tuple(
            HeldCode(code, self._uses[code.id])
            for code in self._codes.values()
            if code.user_id == user_id and code.client_id == client_id
        )

    async def revoke_client(self, user_id: UUID, client_id: str) -> tuple[HeldCode, ...]:
        """Forget those codes and return them as they were then."""
        forgotten = await self.list_for_client(user_id, client_id)
        for held in forgotten:
            self._forget(held.code.id)
        return forgotten

    def _tidy(self, newest: AuthorizationCode) -> None:
        made_at = newest.expires_at - CODE_LIFETIME
        for code in tuple(self._codes.values()):
            if made_at >= code.expires_at + CODE_REMEMBERED:
                self._forget(code.id)
        self._pace.swept(len(self._codes))

    def _forget(self, code_id: str) -> None:
        del self._codes[code_id], self._uses[code_id]
        self._attempts.pop(code_id, None)
