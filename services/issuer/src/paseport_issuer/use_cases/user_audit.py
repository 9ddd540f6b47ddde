"""What the audit log keeps of a user."""

from __future__ import annotations

from collections.abc import Mapping

from paseport_shared.domain.models.user import User


def audited(user: User) -> dict[str, object]:
    """Return what an administrator may change of a user: no names, no addresses, no hash.

    Names and addresses are personal data, which deleting a user must erase (DT-08): of them only the fact that they
    changed is kept.
    """
    return {
        "roles": sorted(user.roles),
        "disabled": user.disabled,
        "email_verified": user.email_verified,
        "has_password": user.password_hash is not None,
    }


def changes(before: User, after: User) -> tuple[Mapping[str, object], Mapping[str, object]]:
    """Return what differs, before and after."""
    old, new = audited(before), audited(after)
    changed = [name for name in new if new[name] != old[name]]
    personal = [name for name in ("username", "email", "display_name") if getattr(before, name) != getattr(after, name)]
    extra: dict[str, object] = {"changed": personal} if personal else {}
    return {name: old[name] for name in changed}, {name: new[name] for name in changed} | extra
