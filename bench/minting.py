"""Access tokens of an issuer that nobody runs. The api that is measured has none of the code that signs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final

from paseport.claims import Claims
from paseport.clock import SystemClock
from paseport_shared.adapters.keyfile.key_file import KeyFile
from paseport_shared.adapters.paseto.key_document import KeyDocument
from paseport_shared.adapters.paseto.token_signer import PasetoTokenSigner
from paseport_shared.adapters.system.randomness import SystemRandomness
from paseport_shared.domain.models.client import FIRST_PARTY_SCOPE, api_audience
from paseport_shared.domain.models.identifiers import new_id128, uuid7

from bench.verify_server import ISSUER, LIFETIME, USERS, key_document_file, tokens_file, user_id

_SECONDS: Final = 300


async def mint(folder: Path, count: int) -> None:
    """Make a key in ``folder``, its document, and sign tokens of ``USERS``, each of a session of its own.

    They were issued during the last five minutes.
    """
    clock, randomness = SystemClock(), SystemRandomness()
    keys, now = KeyFile(folder / "keys.json", clock, randomness), clock.now().replace(microsecond=0)
    key_document_file(folder).write_bytes(await KeyDocument(keys).render())
    signer = PasetoTokenSigner(keys, keys)
    tokens = [
        await signer.sign(
            Claims(
                issuer=ISSUER,
                subject=str(user_id(number % USERS)),
                audience=api_audience(ISSUER),
                expires_at=issued_at + LIFETIME,
                not_before=issued_at,
                issued_at=issued_at,
                token_id=str(uuid7(issued_at, randomness.token_bytes(10))),
                client_id="bff",
                scope=FIRST_PARTY_SCOPE,
                session_id=new_id128(randomness.token_bytes(16)),
                family_id=new_id128(randomness.token_bytes(16)),
                user_version=1,
                auth_time=issued_at,
                amr=("pwd",),
            )
        )
        for number in range(count)
        for issued_at in (now - timedelta(seconds=number % _SECONDS),)
    ]
    tokens_file(folder).write_text("\n".join(tokens))
