"""What no administrator may do."""

from __future__ import annotations

from paseport_shared.domain.errors import BuiltInAccount, LastAdmin
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.record import RecordTransaction


def refuse_built_in(user: User) -> None:
    """Raise ``BuiltInAccount`` for an account that belongs to Paseport itself."""
    if user.built_in:
        raise BuiltInAccount(f"{user.id} is built in")


async def refuse_to_lose_last_admin(transaction: RecordTransaction, before: User, after: User | None) -> None:
    """Raise ``LastAdmin`` where ``after`` (None: deleted) leaves nobody who can administer.

    The count holds until the transaction ends, so two administrators cannot demote each other at once.
    """
    stays = after is not None and after.is_active_admin
    if before.is_active_admin and not stays and await transaction.users.count_active_admins() <= 1:
        raise LastAdmin(f"{before.id} is the last one")
