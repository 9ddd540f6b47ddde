"""Hostile requests through real proxies, judged on what the service behind them received (P10, FA-03 to FA-21)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

import pytest
from guarded_services import CREDENTIALS, IDENTITIES, PROXIES, SECRETS, Authorizer, GuardedServices
from http2_corpus import Http2Trial, http2_corpus
from paseport_testkit.harness.proxies import CachingNginxProxy, Proxy
from proxy_corpus import MARKER, Caller, Trial, corpus
from proxy_judge import faults
from raw_http import RawClient
from raw_http2 import RawHttp2Client

ATrial = TypeVar("ATrial", Trial, Http2Trial)


@pytest.mark.parametrize("proxy", PROXIES, indirect=True, ids=lambda kind: kind.__name__)
def test_nobody_gets_past_a_proxy_as_somebody_else_or_to_what_is_not_theirs(
    proxy: Proxy, guarded: GuardedServices, authorizer: Authorizer
) -> None:
    """FA-03, FA-04, FA-06, FA-09, FA-14, FA-15, FA-20, FA-21: more than 2,000 requests, on kept connections.

    And ``explain`` says of each what was decided.
    """
    with RawClient(proxy.host, proxy.port, timeout_seconds=2) as client:

        def send(trial: Trial) -> int:
            status = client.send(trial.raw).status
            if trial.ends_connection:
                client.close()
            return status

        explained = judge(corpus(CREDENTIALS), send, guarded, authorizer)

    assert explained > 700


@pytest.mark.parametrize(
    "proxy", [kind for kind in PROXIES if kind is not CachingNginxProxy], indirect=True, ids=lambda kind: kind.__name__
)
def test_nor_does_anybody_in_http_2(proxy: Proxy, guarded: GuardedServices, authorizer: Authorizer) -> None:
    """FA-06, FA-21: the same in the version that browsers speak, whose fields can hold what no line can."""
    with RawHttp2Client(proxy.host, proxy.port, timeout_seconds=2) as client:
        explained = judge(
            http2_corpus(CREDENTIALS),
            lambda trial: client.send(trial.fields, trial.body).status,
            guarded,
            authorizer,
        )

    # Much is malformed, and about what repeats within a second nothing is decided anew.
    assert explained > 300


def judge(
    trials: Sequence[ATrial], send: Callable[[ATrial], int], guarded: GuardedServices, authorizer: Authorizer
) -> int:
    """Send everything, and look at each request that arrives at a service. Return how many decisions were explained."""
    by_number = {str(trial.number): trial for trial in trials}
    wrong: list[str] = []
    arrived: set[str] = set()
    statuses: Counter[int] = Counter()
    guarded.take()
    explained_before = len(authorizer.explained())

    for trial in trials:
        statuses[send(trial)] += 1
        for host, arrival in guarded.take():
            numbers = arrival.values(MARKER)
            sender = by_number.get(numbers[0]) if len(numbers) == 1 else None
            # What nobody sent is a request that was hidden in another one.
            caller = Caller.NOBODY if sender is None else sender.caller
            arrived.update(numbers)
            wrong += [
                f"{trial.number}: {fault}: {sender or trial!r:.300}"
                for fault in faults(arrival, host, caller, IDENTITIES[caller], SECRETS)
            ]

    assert not wrong, f"{len(wrong)} faults:\n" + "\n".join(wrong[:40])
    ordinary = {number for number, trial in by_number.items() if trial.is_ordinary}
    assert len(ordinary) > 200
    assert ordinary <= arrived, f"{len(ordinary - arrived)} ordinary requests did not arrive: {statuses}"
    assert len(trials) >= 2000
    assert len(trials) - len(arrived) > 500, "the corpus is not hostile enough to say anything"
    explained = authorizer.explained()[explained_before:]
    assert not [(request, live, told) for request, live, told in explained if live != told]
    assert len({tuple(live) for _, live, _ in explained}) > 8
    return len(explained)
