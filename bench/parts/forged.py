"""A million tokens, of which one in a hundred is genuine: every other one has to be refused (TK-25)."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from paseport.authenticate_bearer import AuthenticateBearer
from paseport.errors import AuthError, InvalidToken
from paseport.principal import Principal
from paseport_shared.http.logging import configure_logging
from paseport_testkit.forger import Forger

from bench.figures import BenchProblem, Bound, Figure, Gate, figure_of, percentile
from bench.verify_server import opened_api, tokens_of
from bench.verifying import minted

_TOKENS: Final = 1_000_000
_EVERY_NTH_IS_GENUINE: Final = 100
_GENUINE: Final = 2000
_ROUNDS: Final = 5
_TIMED: Final = 4000
"""Of each kind, in one round."""
_BREATHE_EVERY: Final = 100
_SEED: Final = 20_261_126
_NONE: Final = Gate(Bound.AT_MOST, 0)


async def measure_forged() -> Sequence[Figure]:
    """Present them to the decision of the real api, as its hot path does; then take the time of both verdicts."""
    # Standard output is the table's.
    configure_logging("WARNING", sys.stderr.buffer)
    async with minted(_GENUINE) as (folder, _):
        genuine = tokens_of(folder)
        forger = Forger(genuine, _SEED)
        async with _decision(folder) as authenticate:
            counts = await _present(authenticate, genuine, forger)
        # Nobody is remembered here: both verdicts take the whole way.
        async with _decision(folder, cached=1) as authenticate:
            times = await _take_times(authenticate, genuine, forger)
    return [*counts, *times]


async def _present(authenticate: AuthenticateBearer, genuine: Sequence[str], forger: Forger) -> list[Figure]:
    wrongly_accepted = wrongly_refused = other_errors = refused = 0
    per_second = []
    for _ in range(_ROUNDS):
        seconds = 0.0
        for number in range(_TOKENS // _ROUNDS):
            is_genuine = number % _EVERY_NTH_IS_GENUINE == 0
            token = genuine[number // _EVERY_NTH_IS_GENUINE % len(genuine)] if is_genuine else forger.forgery()
            began = time.perf_counter()
            try:
                await _decide(authenticate, token)
            except InvalidToken:
                refused += 1
                wrongly_refused += is_genuine
            # Whatever else is raised would have been answered with 5xx, and is what is looked for here.
            except Exception:
                other_errors += 1
            else:
                wrongly_accepted += not is_genuine
            seconds += time.perf_counter() - began
            if number % _BREATHE_EVERY == 0:
                await asyncio.sleep(0)
        per_second.append(_TOKENS / _ROUNDS / seconds)
    return [
        figure_of(f"forged and, one in {_EVERY_NTH_IS_GENUINE}, genuine tokens: {_TOKENS}", "/s", per_second),
        figure_of("… refused", "", [refused]),
        figure_of("… forged and accepted", "", [wrongly_accepted], _NONE),
        figure_of("… genuine and refused", "", [wrongly_refused], _NONE),
        figure_of("… any other error than a refusal", "", [other_errors], _NONE),
    ]


async def _take_times(authenticate: AuthenticateBearer, genuine: Sequence[str], forger: Forger) -> list[Figure]:
    accepting, refusing = [], []
    for _ in range(_ROUNDS):
        pairs = [(genuine[number % len(genuine)], forger.forgery()) for number in range(_TIMED)]
        accepted = []
        refused = []
        # In turns, so that a neighbour disturbs both.
        for good, bad in pairs:
            accepted.append(await _seconds(authenticate, good))
            refused.append(await _seconds(authenticate, bad))
            await asyncio.sleep(0)
        accepting.append(percentile(accepted, 0.99) * 1e6)
        refusing.append(percentile(refused, 0.99) * 1e6)
    return [
        figure_of("accepting, p99, nothing remembered", "µs", accepting),
        figure_of("refusing, p99", "µs", refusing),
        figure_of(
            "refusing ÷ accepting, p99 (TK-25: at most 2)",
            "",
            [bad / good for bad, good in zip(refusing, accepting, strict=True)],
        ),
    ]


async def _seconds(authenticate: AuthenticateBearer, token: str) -> float:
    began = time.perf_counter()
    try:
        await _decide(authenticate, token)
    except AuthError as error:
        if not isinstance(error, InvalidToken):
            raise BenchProblem(f"a decision failed: {error.reason}") from error
    return time.perf_counter() - began


async def _decide(authenticate: AuthenticateBearer, token: str) -> Principal:
    return authenticate.recall(token) or await authenticate(token)


@asynccontextmanager
async def _decision(folder: Path, **options: int) -> AsyncIterator[AuthenticateBearer]:
    """Yield the decision of an api that follows its feed meanwhile."""
    async with opened_api(folder, **options) as api, api.public_app().lifespan():
        yield api.use.authenticate_bearer
