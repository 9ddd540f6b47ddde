"""Denials on their way to the log, while it is slow, away or flooded."""

from __future__ import annotations

from dataclasses import replace

from paseport_api.use_cases.log_denials import LogDenials
from paseport_shared.adapters.memory.clock import START
from paseport_shared.adapters.memory.decision_log import MemoryDecisionLog
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.domain.models.denial import Denial
from paseport_shared.domain.models.policy import Reason

DENIAL = Denial("", START, Reason.NO_RULE, None, "", "app.example.com", "/", "GET", None)


def note(log: LogDenials, count: int, *, for_strangers: bool) -> int:
    """Queue as many as there is room for, and return how many that were."""
    kept = 0
    for number in range(count):
        if log.has_room(for_strangers=for_strangers):
            log.note(replace(DENIAL, request_id=f"{for_strangers}-{number}"))
            kept += 1
    return kept


async def test_a_flood_of_strangers_leaves_most_of_the_queue_to_others() -> None:
    log = LogDenials(MemoryDecisionLog(), queue=10)

    assert note(log, 50, for_strangers=True) == 1
    assert note(log, 50, for_strangers=False) == 9
    assert log.dropped == 90


async def test_what_waits_is_written_in_its_order_once_the_log_answers() -> None:
    outage = MemoryOutage()
    decisions = MemoryDecisionLog(outage)
    log = LogDenials(decisions, queue=1_000)
    note(log, 250, for_strangers=False)

    with outage:
        assert not await log.step()
    assert await log.step()

    denials, _ = await decisions.latest(250)
    assert [denial.request_id for denial in denials] == [f"False-{number}" for number in reversed(range(250))]
    assert note(log, 1, for_strangers=True) == 1
