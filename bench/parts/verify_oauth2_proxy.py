"""Decisions beside those of oauth2-proxy, which many put in front of their services today."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

from bench.figures import Bound, Figure, Gate, figure_of
from bench.load import Measured, generator
from bench.oauth2_proxy import VERSION, running_oauth2_proxy
from bench.parts.verify import TOKENS
from bench.processes import pin, pin_threads
from bench.verifying import Server, figures_of, minted, serving, take_turns

_ROUNDS: Final = 5
_BEARERS: Final = 500
"""It remembers none, and each takes a millisecond to sign."""
_STATUS: Final = 202


async def measure_verify_oauth2_proxy() -> Sequence[Figure]:
    """Take turns on one processor: a decision of ours, warm; one of theirs on a session's cookie, and on a JWT."""
    async with AsyncExitStack() as stack:
        folder, log = await stack.enter_async_context(minted(TOKENS))
        proxy = await stack.enter_async_context(running_oauth2_proxy(folder, log, _BEARERS))
        own = await stack.enter_async_context(serving(folder, log))
        load = await stack.enter_async_context(generator(log))
        pin(own.pids[0], 0)
        pin_threads(proxy.pid, 0)
        names = ("warm decision", f"oauth2-proxy {VERSION}, session cookie", f"oauth2-proxy {VERSION}, RS256 bearer")
        session = Server(proxy.port, (proxy.pid,), proxy.session_requests, _STATUS)
        bearer = Server(proxy.port, (proxy.pid,), proxy.bearer_requests, _STATUS)
        rounds = await take_turns(load, dict(zip(names, (own, session, bearer), strict=True)), _ROUNDS)
    ours, sessions, bearers = rounds.values()
    return [
        *(figure for name, measured in rounds.items() for figure in figures_of(name, measured)),
        *_ratios("session cookie", ours, sessions, Gate(Bound.AT_LEAST, 3, 5)),
        *_ratios("RS256 bearer", ours, bearers, Gate(Bound.AT_LEAST, 5, 8)),
    ]


def _ratios(what: str, ours: Sequence[Measured], theirs: Sequence[Measured], gate: Gate) -> list[Figure]:
    pairs = list(zip(ours, theirs, strict=True))
    return [
        figure_of(
            f"warm decision ÷ oauth2-proxy, {what}, by CPU",
            "",
            [other.cpu_us / one.cpu_us for one, other in pairs],
            gate,
        ),
        figure_of("… requests/s", "", [one.requests_per_second / other.requests_per_second for one, other in pairs]),
    ]
