"""Making a version of a key in Vault Transit, of whichever kind."""

from __future__ import annotations

from hvac.api.secrets_engines import Transit  # type: ignore[import-untyped]  # hvac ships no types

from paseport_shared.adapters.vault.access import VaultAccess, VaultForbids
from paseport_shared.adapters.vault.transport import Wire
from paseport_shared.domain.errors import KeyVersionNotPermitted
from paseport_shared.domain.models.signing_key import HeldKeyVersion
from paseport_shared.domain.ports.key_holder import KeyHolder


async def rotate_transit_key(access: VaultAccess, holder: KeyHolder, key_name: str, mount_path: str) -> HeldKeyVersion:
    """See ``KeyHolder.create_version``: a rotation in Transit, which the shipped policy of the issuer leaves out."""

    def rotate(wire: Wire) -> bytes:
        body: bytes = Transit(adapter=wire).rotate_key(key_name, mount_point=mount_path)
        # Some versions answer with the key, others with nothing.
        return body or b"null"

    try:
        await access.call(rotate, object)
    except VaultForbids as error:
        # The policy, or the token? Whoever may still read the key has a good one.
        await holder.versions()
        raise KeyVersionNotPermitted(f"vault write -f {mount_path}/keys/{key_name}/rotate", error.reason) from error
    return (await holder.versions())[-1]
