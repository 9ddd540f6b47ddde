"""What the audit log keeps of an API key."""

from __future__ import annotations

from collections.abc import Mapping

from paseport_shared.domain.models.api_key import ApiKey

_PERSONAL = ("name", "comment", "email")


def audited(key: ApiKey) -> dict[str, object]:
    """Return whose the key is and what it is good for; of its secrets when they began and end, never a digest.

    What people wrote about it (``name``, ``comment``, ``email``) may be about a person, whom deleting must erase
    (DT-08): of that only the fact that it changed is kept.
    """
    limit = key.rate_limit
    return {
        "owner": str(key.owner_id),
        "roles": sorted(key.roles),
        "scopes": list(key.scopes),
        "hosts": list(key.hosts),
        "paths": list(key.paths),
        "methods": sorted(key.methods),
        "cidrs": list(key.networks),
        "rate_limit": None
        if limit is None
        else {"count": limit.count, "window_seconds": int(limit.window.total_seconds()), "strict": limit.strict},
        "disabled": key.disabled,
        "expires_at": None if key.expires_at is None else key.expires_at.isoformat(),
        "secrets": [
            {
                "created_at": held.created_at.isoformat(),
                "expires_at": None if held.expires_at is None else held.expires_at.isoformat(),
                "pepper_version": held.pepper_version,
            }
            for held in key.secrets
        ],
    }


def changes(before: ApiKey, after: ApiKey) -> tuple[Mapping[str, object], Mapping[str, object]]:
    """Return what differs, before and after."""
    old, new = audited(before), audited(after)
    changed = [name for name in new if new[name] != old[name]]
    personal = [name for name in _PERSONAL if getattr(before, name) != getattr(after, name)]
    extra: dict[str, object] = {"changed": personal} if personal else {}
    return {name: old[name] for name in changed}, {name: new[name] for name in changed} | extra
