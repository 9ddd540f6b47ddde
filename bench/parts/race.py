"""Many tabs, one refresh token: what must come out is one successor, and a person who is still signed in (P4).

Counts violations instead of time. A smaller edition of the property tests, but over HTTP and with requests that really
overlap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.figures import Bound, Figure, Gate
from bench.http import Answer, Connection, connections
from bench.product import ADMIN, Product, refresh_token_of, running, signed_in

_AT_ONCE: Final = 50
_ROUNDS: Final = 200
_CHAINS: Final = 200
_COPIES: Final = 8
NONE: Final = Gate(Bound.AT_MOST, 0)
"""For what must not happen."""


@dataclass
class _Tally:
    """``broken``: not exactly one successor. ``logged_out``: the newest token did not work any more."""

    refreshes: int = 0
    broken: int = 0
    logged_out: int = 0
    late: int = 0


async def measure_race() -> Sequence[Figure]:
    """Run both races on fresh sessions of one user."""
    async with running() as product, connections(product.port, _AT_ONCE) as opened:
        return await race_over_http(product, opened, ADMIN, api=opened[0])


async def race_over_http(
    product: Product, opened: Sequence[Connection], user: str, *, api: Connection | None = None
) -> list[Figure]:
    """Run both races on fresh sessions of one user, over as many connections as are open.

    At the end the newest token must work, and where there is an api, the access token that it gives too.
    """
    crowd, token = await _crowds(product, opened, user)
    crowd.logged_out += not await _is_signed_in(product, opened[0], token, api)
    chains, token = await _chains(product, opened, user)
    chains.logged_out += not await _is_signed_in(product, opened[0], token, api)
    return [
        count_of(f"{len(opened)} refreshes of one token × {_ROUNDS}: answered", crowd.refreshes),
        count_of("… rounds without exactly one successor", crowd.broken, NONE),
        count_of("… signed out by it", crowd.logged_out, NONE),
        count_of(f"s0 → s1 → s2 with s0 in flight × {_CHAINS}: answered", chains.refreshes),
        count_of("… late copies of s0 refused, nothing killed", chains.late),
        count_of("… chains without exactly one successor", chains.broken, NONE),
        count_of("… signed out by it", chains.logged_out, NONE),
    ]


async def _crowds(product: Product, opened: Sequence[Connection], user: str) -> tuple[_Tally, str]:
    """Present each token on all connections at once; all get the same successor, which is the next one presented."""
    tally = _Tally()
    token = (await product.sign_in(opened[0], user)).refresh_token
    for _ in range(_ROUNDS):
        message = product.refresh(token)
        answers = await asyncio.gather(*(connection.ask(message) for connection in opened))
        tally.refreshes += len(answers)
        successors = {refresh_token_of(answer) for answer in answers}
        # Ten seconds of grace: on a machine so slow that a round takes longer, a late copy may be refused rightly.
        if len(successors) != 1 or successors <= {None, token}:
            tally.broken += 1
        living = [successor for successor in successors if successor is not None]
        if not living:
            tally.logged_out += 1
            token = (await product.sign_in(opened[0], user)).refresh_token
            continue
        token = living[0]
    return tally, token


async def _chains(product: Product, opened: Sequence[Connection], user: str) -> tuple[_Tally, str]:
    """Advance twice while copies of the first token are on their way, one of them held back until the end."""
    tally = _Tally()
    token = (await product.sign_in(opened[0], user)).refresh_token
    for _ in range(_CHAINS):
        s0 = product.refresh(token)
        leader, held, *others = opened[: _COPIES + 2]
        # All of a request but its last byte: the server has it in hand and cannot answer yet.
        await held.send(s0[:-1])
        copies = asyncio.gather(*(other.ask(s0) for other in others))
        s1 = refresh_token_of(await leader.ask(s0))
        s2 = refresh_token_of(await leader.ask(product.refresh(s1))) if s1 else None
        await held.send(s0[-1:])
        answers = [*await copies, await held.receive()]
        tally.refreshes += 2 + len(answers)
        tally.late += sum(answer.status == 400 for answer in answers)
        # What a copy may get: the one successor, or, once that is spent too, a refusal that kills nothing.
        fits = all(refresh_token_of(answer) == s1 or _is_late(answer) for answer in answers)
        if s1 is None or s2 is None or s2 == s1 or not fits:
            tally.broken += 1
        next_token = refresh_token_of(await leader.ask(product.refresh(s2))) if s2 else None
        if next_token is None:
            tally.logged_out += 1
            next_token = (await product.sign_in(leader, user)).refresh_token
        token = next_token
    return tally, token


async def _is_signed_in(product: Product, connection: Connection, token: str, api: Connection | None) -> bool:
    answer = await connection.ask(product.refresh(token))
    if answer.status != 200:
        return False
    if api is None:
        return True
    return (await api.ask(product.dashboard(signed_in(answer).access_token))).status == 200


def _is_late(answer: Answer) -> bool:
    return answer.status == 400 and answer.json()["code"] == "invalid_grant"


def count_of(what: str, count: int, gate: Gate | None = None) -> Figure:
    """Return the figure of something that was counted once."""
    return Figure(what, "", count, count, count, gate)
