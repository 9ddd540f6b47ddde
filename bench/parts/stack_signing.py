"""How many access tokens Vault Transit can sign, as the issuer asks it. Printed only: it belongs to Vault."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from paseport.clock import SystemClock
from paseport.secret import Secret
from paseport_shared.adapters.vault.access import VaultAccess
from paseport_shared.adapters.vault.token_keeper import AppRole
from paseport_shared.adapters.vault.transit_signer import TransitSigner
from paseport_shared.adapters.vault.transport import VaultAddress
from paseport_testkit.harness.vault import ACCESS_KEY, DevVault

from bench.figures import Figure, figure_of, percentile
from bench.servers import running_servers

_ROUNDS: Final = 5
_SECONDS: Final = 1.5
_THREADS: Final = 16
_MESSAGE: Final = b"x" * 460
"""As long as an access token before it is signed."""
_DEADLINE: Final = timedelta(seconds=10)
"""Longer than the issuer's: a busy machine shall show in the figures and not end them."""


async def measure_stack_signing() -> Sequence[Figure]:
    """Take turns: one caller, then as many as there are threads."""
    sequential, concurrent = [], []
    async with running_servers(DevVault) as vault:
        role = vault.app_role()
        access = VaultAccess(
            VaultAddress(vault.url),
            AppRole(role.role_id, Secret(role.secret_id)),
            SystemClock(),
            deadline=_DEADLINE,
            workers=_THREADS,
        )
        try:
            signer = TransitSigner(access, ACCESS_KEY, vault.mount_path)
            await _sign(signer, _THREADS)
            for _ in range(_ROUNDS):
                sequential.append(await _sign(signer, 1))
                concurrent.append(await _sign(signer, _THREADS))
        finally:
            access.close()
    return [*_figures("one after the other", sequential), *_figures(f"{_THREADS} threads", concurrent)]


async def _sign(signer: TransitSigner, callers: int) -> list[float]:
    """Sign for a while, and return how many milliseconds each signature took."""
    milliseconds: list[float] = []
    end = time.perf_counter() + _SECONDS

    async def keep_signing() -> None:
        while (began := time.perf_counter()) < end:
            await signer.sign(_MESSAGE, key_version=1)
            milliseconds.append((time.perf_counter() - began) * 1e3)

    await asyncio.gather(*(keep_signing() for _ in range(callers)))
    return milliseconds


def _figures(what: str, rounds: Sequence[Sequence[float]]) -> list[Figure]:
    return [
        figure_of(f"Transit signatures, {what}", "/s", [len(one) / _SECONDS for one in rounds]),
        figure_of("… p50", "ms", [percentile(one, 0.5) for one in rounds]),
        figure_of("… p99", "ms", [percentile(one, 0.99) for one in rounds]),
    ]
