"""What every log of denials promises."""

from dataclasses import replace

import pytest
from contracts.support import CROWD, NOW, SECOND, Unreachable, at_once
from paseport_shared.domain.errors import InvalidRequest, Unavailable
from paseport_shared.domain.models.denial import MAX_TEXT, Denial
from paseport_shared.domain.models.policy import CredentialKind, Reason
from paseport_shared.domain.ports.decision_log import DecisionLog
from paseport_shared.http.request_id import new_request_id

# The same in every process that collects these tests.
NO_ID = "58deb962-b877-48fe-8ef6-a37117802f74"
OF_OTHERS = "01A2195C-FA90-7E5C-B85C-B1B234F06A61"


def a_denial(number: int = 0) -> Denial:
    """Somebody without the role, at a request that was just made."""
    return Denial(
        request_id=new_request_id(),
        at=NOW + number * SECOND,
        reason=Reason.ROLE_MISSING,
        rule="reports",
        remedy="the role Admin",
        host="app.example.com",
        path=f"/überall/{number}",
        method="GET",
        address="192.0.2.7",
        credential=CredentialKind.API_KEY,
        subject="01900000-0000-7000-8000-00000000a11c",
        key_id="0123456789ABCDEF",
    )


class DecisionLogContract:
    """The adapter's file supplies the fixtures ``log``, empty, and ``unreachable``."""

    async def test_an_admin_finds_exactly_what_was_denied_by_its_request_id(self, log: DecisionLog) -> None:
        denials = [a_denial(number) for number in range(3)]

        await log.add(denials)

        assert [await log.find(denial.request_id) for denial in denials] == denials

    async def test_a_denial_of_an_unknown_caller_is_kept_as_such(self, log: DecisionLog) -> None:
        bare = Denial(new_request_id(), NOW, Reason.NO_RULE, None, "a rule", "h", "/", "GET", None)

        await log.add([bare])

        assert await log.find(bare.request_id) == bare

    @pytest.mark.parametrize("reason", Reason)
    async def test_every_reason_can_be_kept(self, log: DecisionLog, reason: Reason) -> None:
        denial = replace(a_denial(), reason=reason)

        await log.add([denial])

        assert await log.find(denial.request_id) == denial

    async def test_a_request_that_was_not_denied_is_not_there(self, log: DecisionLog) -> None:
        await log.add([a_denial()])

        assert await log.find(new_request_id()) is None

    @pytest.mark.parametrize("request_id", ["", "x", "*", "-", "+", "0-0", NO_ID, OF_OTHERS])
    async def test_what_is_no_request_id_of_ours_names_nothing(self, log: DecisionLog, request_id: str) -> None:
        await log.add([a_denial()])

        assert await log.find(request_id) is None

    async def test_the_newest_come_first_and_a_position_leads_to_the_older_ones(self, log: DecisionLog) -> None:
        denials = [a_denial(number) for number in range(5)]
        await log.add(denials[:2])
        await log.add(denials[2:])

        first, position = await log.latest(2)
        assert position is not None
        await log.add([a_denial(9)])
        second, further = await log.latest(2, position)
        assert further is not None
        third, end = await log.latest(2, further)

        assert [*first, *second, *third] == denials[::-1]
        assert end is None

    async def test_a_page_that_takes_the_last_one_says_that_nothing_follows(self, log: DecisionLog) -> None:
        denials = [a_denial(number) for number in range(2)]
        await log.add(denials)

        assert await log.latest(2) == (tuple(denials[::-1]), None)

    async def test_an_empty_log_has_an_empty_page(self, log: DecisionLog) -> None:
        await log.add([])

        assert await log.latest(10) == ((), None)

    @pytest.mark.parametrize(
        "position", ["", "x", "-1", "+", "-", "(5-0", "1-", "1-2-3", "٣-٣", "9" * 21, f"{2**64}-0"]
    )
    async def test_a_position_that_cannot_be_one_is_refused(self, log: DecisionLog, position: str) -> None:
        await log.add([a_denial()])

        with pytest.raises(InvalidRequest):
            await log.latest(10, position)

    async def test_long_texts_that_callers_choose_are_cut(self, log: DecisionLog) -> None:
        """Otherwise a hundred thousand denials would fill the memory that sessions need."""
        long = replace(a_denial(), host="h" * 9000, path="/" + "ü" * 8000)

        await log.add([long])

        kept = await log.find(long.request_id)
        assert kept is not None
        assert (kept.host, kept.path) == ("h" * (MAX_TEXT - 1) + "…", "/" + "ü" * (MAX_TEXT - 2) + "…")
        assert replace(kept, host=long.host, path=long.path) == long

    async def test_a_crowd_that_writes_at_once_loses_nothing(self, log: DecisionLog) -> None:
        denials = [a_denial(number) for number in range(3 * CROWD)]

        await at_once([log.add(denials[number::CROWD]) for number in range(CROWD)])

        kept, _ = await log.latest(1_000)
        assert {denial.request_id for denial in kept} == {denial.request_id for denial in denials}
        assert len(kept) == len(denials)

    async def test_an_unreachable_log_answers_unavailable_and_never_that_nothing_was_denied(
        self, log: DecisionLog, unreachable: Unreachable
    ) -> None:
        denial = a_denial()
        await log.add([denial])

        async with unreachable:
            for call in (
                lambda: log.add([a_denial()]),
                lambda: log.find(denial.request_id),
                lambda: log.latest(10),
            ):
                with pytest.raises(Unavailable):
                    await call()

        assert await log.find(denial.request_id) == denial
