"""What the audit log keeps of a client, or of a verifier."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from paseport_shared.domain.models.client import Client, ClientKind


def audited(client: Client) -> dict[str, object]:
    """Return what an administrator decides about a client; of its secrets their ids and ends, never a hash."""
    secrets = {
        secret.id: None if secret.expires_at is None else secret.expires_at.isoformat() for secret in client.secrets
    }
    if client.kind is ClientKind.VERIFIER:
        return {"name": client.name, "audience": client.audience, "secrets": secrets}
    return {
        "name": client.name,
        "first_party": client.first_party,
        "application_type": client.application_type.value,
        "auth_method": client.auth_method.value,
        "grants": sorted(grant.value for grant in client.grants),
        "scopes": list(client.scope),
        "audiences": list(client.audiences),
        "redirect_uris": list(client.redirect_uris),
        "post_logout_redirect_uris": list(client.post_logout_redirect_uris),
        "require_pkce": client.require_pkce,
        "access_token_lifetime": _seconds(client.access_token_lifetime),
        "refresh_lifetime": _seconds(client.refresh_lifetime),
        "disabled": client.disabled,
        "secrets": secrets,
    }


def changes(before: Client, after: Client) -> tuple[Mapping[str, object], Mapping[str, object]]:
    """Return what differs, before and after."""
    old, new = audited(before), audited(after)
    changed = [name for name in new if new[name] != old[name]]
    return {name: old[name] for name in changed}, {name: new[name] for name in changed}


def _seconds(lifetime: timedelta | None) -> int | None:
    return None if lifetime is None else lifetime // timedelta(seconds=1)
