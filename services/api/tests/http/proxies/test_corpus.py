"""Hostile requests through real proxies, judged on what the service behind them received (P10, FA-03 to FA-21)."""

from __future__ import annotations

from collections import Counter

import pytest
from guarded_services import CREDENTIALS, HOSTS, IDENTITIES, PROXIES, SECRETS, Authorizer, GuardedServices
from paseport_testkit.harness.proxies import Proxy
from proxy_corpus import MARKER, Caller, Trial, corpus
from proxy_judge import faults
from raw_http import RawClient


@pytest.mark.parametrize("proxy", PROXIES, indirect=True, ids=lambda kind: kind.__name__)
def test_nobody_gets_past_a_proxy_as_somebody_else_or_to_what_is_not_theirs(
    proxy: Proxy, guarded: GuardedServices, authorizer: Authorizer
) -> None:
    """FA-03, FA-04, FA-06, FA-09, FA-14, FA-15, FA-20, FA-21: more than 2,000 requests, on kept connections.

    And ``explain`` says of each what was decided.
    """
    trials = {str(trial.number): trial for trial in corpus(CREDENTIALS)}
    wrong: list[str] = []
    arrived: set[str] = set()
    statuses: Counter[int] = Counter()
    guarded.take()
    explained_before = len(authorizer.explained())

    with RawClient(proxy.host, proxy.port, timeout_seconds=2) as client:
        for trial in trials.values():
            statuses[client.send(trial.raw).status] += 1
            if trial.ends_connection:
                client.close()
            for host, arrival in guarded.take():
                numbers = arrival.values(MARKER)
                sender = trials.get(numbers[0]) if len(numbers) == 1 else None
                # What nobody sent is a request that was hidden in another one.
                caller = Caller.NOBODY if sender is None else sender.caller
                arrived.update(numbers)
                wrong += [
                    f"{trial.number}: {fault}: {_shown(sender or trial)}"
                    for fault in faults(arrival, host, caller, IDENTITIES[caller], SECRETS)
                ]

    assert not wrong, f"{len(wrong)} faults:\n" + "\n".join(wrong[:40])
    ordinary = {number for number, trial in trials.items() if trial.is_ordinary}
    assert ordinary <= arrived, f"{len(ordinary - arrived)} ordinary requests did not arrive: {statuses}"
    assert len(trials) >= 2000
    assert len(trials) - len(arrived) > 500, "the corpus is not hostile enough to say anything"
    assert set(HOSTS)
    explained = authorizer.explained()[explained_before:]
    assert len(explained) > 700
    assert not [(request, live, told) for request, live, told in explained if live != told]
    assert len({tuple(live) for _, live, _ in explained}) > 8


def _shown(trial: Trial) -> str:
    return f"{trial.caller.value} sent {trial.raw[:300]!r}"
