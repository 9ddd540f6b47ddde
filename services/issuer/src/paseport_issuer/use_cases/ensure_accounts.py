"""The accounts that a new installation starts with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from paseport.clock import Clock
from paseport.secret import Secret
from paseport_shared.domain.models import base62
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.models.password import check_new_password
from paseport_shared.domain.models.profile import check_profile
from paseport_shared.domain.models.roles import ADMIN, USER
from paseport_shared.domain.models.user import User, UserQuery
from paseport_shared.domain.ports.password_hasher import PasswordHasher
from paseport_shared.domain.ports.randomness import Randomness
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_issuer.use_cases.new_ids import NewIds

CLI_ACCOUNT_ID: Final = UUID("00000000-0000-7000-8000-00000000c110")
"""The built-in account that the command line acts as in embedded mode."""

_ACTOR: Final = Actor("paseport", "paseport")


@dataclass(frozen=True, slots=True)
class FirstAdmin:
    """The administrator that was made just now. ``generated_password`` is None where the operator chose it."""

    username: str
    generated_password: Secret[str] | None


class EnsureAccounts:
    """Makes what is missing: the built-in account, and an administrator where there is no user at all."""

    def __init__(
        self,
        *,
        record: Record,
        hasher: PasswordHasher,
        clock: Clock,
        randomness: Randomness,
        ids: NewIds,
    ) -> None:
        self._record = record
        self._hasher = hasher
        self._clock = clock
        self._randomness = randomness
        self._ids = ids

    async def __call__(self, *, email: str, password: Secret[str] | None, with_cli: bool = False) -> FirstAdmin | None:
        """Return the administrator made now, or None where there are users already.

        Its user name is ``admin``; without ``password`` one is generated. ``with_cli`` also makes the account of the
        command line. Raises ``ValidationFailed``, ``WeakPassword``, ``Unavailable``.
        """
        if with_cli:
            await self._ensure_cli_account()
        if await self._has_users():
            return None
        username = "admin"
        check_profile(username=username, email=email, display_name=None, roles=(ADMIN, USER))
        generated = None
        if password is None:
            generated = password = Secret(base62.encode_bytes(self._randomness.token_bytes(16)))
        check_new_password(password, username=username, email=email)
        admin = self._account(
            self._ids.uuid(),
            username,
            email,
            frozenset({ADMIN, USER}),
            password_hash=await self._hasher.hash(password),
        )
        return FirstAdmin(username, generated) if await self._add_if_none(admin) else None

    async def _ensure_cli_account(self) -> None:
        account = self._account(CLI_ACCOUNT_ID, "cli", "cli@paseport.invalid", frozenset({ADMIN}), built_in=True)

        async def add(transaction: RecordTransaction) -> None:
            if await transaction.users.find_by_login(account.username) is None:
                await transaction.users.add(account)

        await self._record.transact(add)

    async def _has_users(self) -> bool:
        async def read(transaction: RecordTransaction) -> bool:
            return await _has_people(transaction)

        return await self._record.transact(read)

    async def _add_if_none(self, admin: User) -> bool:
        event = self._ids.audit_event(_ACTOR, "user.created", str(admin.id), after={"roles": sorted(admin.roles)})

        async def add(transaction: RecordTransaction) -> bool:
            # Looked at again inside the transaction: two starts at once make one administrator.
            if await _has_people(transaction):
                return False
            await transaction.users.add(admin)
            await transaction.audit.append(event)
            return True

        return await self._record.transact(add)

    def _account(
        self,
        user_id: UUID,
        username: str,
        email: str,
        roles: frozenset[str],
        *,
        password_hash: str | None = None,
        built_in: bool = False,
    ) -> User:
        now = self._clock.now()
        return User(
            id=user_id,
            username=username,
            email=email,
            display_name=None,
            password_hash=password_hash,
            roles=roles,
            disabled=False,
            built_in=built_in,
            version=1,
            revision=1,
            created_at=now,
            updated_at=now,
        )


async def _has_people(transaction: RecordTransaction) -> bool:
    page = await transaction.users.page(UserQuery(limit=2))
    return any(not user.built_in for user in page.items)
