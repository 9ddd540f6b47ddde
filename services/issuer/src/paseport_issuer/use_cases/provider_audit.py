"""What the audit log keeps of an identity provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from paseport_shared.domain.models.identity_provider import IdentityProvider


def audited(provider: IdentityProvider) -> dict[str, object]:
    """Return what an administrator decides about a provider; of its secret nothing."""
    return {
        "name": provider.name,
        "display_name": provider.display_name,
        "kind": provider.kind.value,
        "issuer": provider.issuer,
        "endpoints": None if provider.endpoints is None else asdict(provider.endpoints),
        "client_id": provider.client_id,
        "auth_method": provider.auth_method.value,
        "scopes": list(provider.scopes),
        "claims": {**asdict(provider.claims), "subject": list(provider.claims.subject)},
        "trust_email": provider.trust_email.value,
        "allowed_domains": list(provider.allowed_domains),
        "create_users": provider.create_users,
        "default_roles": sorted(provider.default_roles),
        "group_roles": [asdict(line) for line in provider.group_roles],
        "response_mode": provider.response_mode.value,
        "shared_callback": provider.shared_callback,
        "end_upstream_session": provider.end_upstream_session,
        "api_access": _api_access(provider),
        "refresh_seconds": provider.refresh_seconds,
        "icon": provider.icon,
        "position": provider.position,
        "enabled": provider.enabled,
        "is_default": provider.is_default,
    }


def _api_access(provider: IdentityProvider) -> dict[str, object] | None:
    access = provider.api_access
    if access is None:
        return None
    subject = None if access.subject is None else list(access.subject)
    return {**asdict(access), "audiences": list(access.audiences), "subject": subject}


def changes(before: IdentityProvider, after: IdentityProvider) -> tuple[Mapping[str, object], Mapping[str, object]]:
    """Return what differs, before and after. Of a new secret only the fact that it is one."""
    old, new = audited(before), audited(after)
    changed = [name for name in new if new[name] != old[name]]
    extra: dict[str, object] = {} if before.sealed_secret == after.sealed_secret else {"client_secret": "replaced"}
    return {name: old[name] for name in changed}, {name: new[name] for name in changed} | extra
