"""Authorization codes."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from paseport_shared.domain.models.authorization import AuthorizationCode, HeldCode, Redemption


class AuthorizationCodeStore(Protocol):
    """Codes, each good for one use (RFC 6749 §4.1.2). Expiry is decided by the caller, with the code's own time.

    Every method raises ``Unavailable`` when the store does not answer, or could not confirm a write on as many replicas
    as it must.
    """

    async def put(self, code: AuthorizationCode) -> None:
        """Store a new code. Raises ``AlreadyExists`` for a known id."""
        ...

    async def find(self, code_id: str) -> HeldCode | None:
        """Return the code, used or not, while it is remembered (``CODE_REMEMBERED`` beyond its end), else None."""
        ...

    async def redeem(self, code_id: str, attempt: str) -> Redemption:
        """Use the code up in one atomic step: of concurrent callers exactly one gets REDEEMED.

        Everybody later gets REUSED, and is counted (``HeldCode.uses``). Never retried by a driver: a repeated call is a
        second use. ``attempt`` is an id of this call.
        """
        ...

    async def give_back(self, code_id: str, attempt: str) -> None:
        """Make the code unused again if nobody but this attempt has used it; otherwise nothing changes.

        For an attempt after which nobody got anything. Not confirmed: where it is lost, the code stays used.
        """
        ...

    async def list_for_client(self, user_id: UUID, client_id: str) -> tuple[HeldCode, ...]:
        """Return the codes that a client was given for a user, used or not, while they are remembered."""
        ...

    async def revoke_client(self, user_id: UUID, client_id: str) -> tuple[HeldCode, ...]:
        """Forget those codes and return them as they were then.

        Where it finds a code unused, nobody redeems it any more; where nothing is left, an earlier call that was not
        confirmed is.
        """
        ...
