"""Text that begins as a key of ours does and can be none: its refusal is remembered by place, and always the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from api_world import ApiWorld
from edge_world import ALLOWED, FAMILIES, SETTINGS, SIGNED_IN, ask, bearer, rule, status_of, stored_key
from paseport_api.settings import ForwardAuthVariables
from paseport_shared.domain.models.policy import Access, Policy, Reason

PLACE = "/things?id=1"


def junk(number: int) -> str:
    """A key but for its checksum, another one for each number."""
    return f"ppk_{number:016}_{'0' * 43}_zzzzzz"


async def test_each_junk_is_refused_alike_and_written_down(tmp_path: Path) -> None:
    """A stranger with text that is no key: the second one at a place is answered as the first."""
    async with ApiWorld(tmp_path, **SETTINGS) as world:
        world.policies.policy = SIGNED_IN
        for family in FAMILIES:
            answers = [await ask(world, PLACE, bearer(junk(number)), family=family) for number in range(3)]

            assert [status_of(answer, family) for answer in answers] == [401] * 3
            ids = [answer.headers["X-Request-Id"] for answer in answers]
            assert len(set(ids)) == 3
            bodies = [answer.text.replace(one, "") for answer, one in zip(answers, ids, strict=True)]
            # The body names its own request.
            assert len(set(bodies)) == 1
            assert all(one in answer.text for answer, one in zip(answers, ids, strict=True))

        await world.api.use.log_denials.step()
        denials, _ = await world.decision_log.latest(100)

    assert [denial.reason for denial in denials] == [Reason.CREDENTIAL_INVALID] * 3 * len(FAMILIES)
    assert {denial.path for denial in denials} == {"/things"}
    assert len({denial.request_id for denial in denials}) == len(denials)


async def test_a_key_is_let_in_where_junk_was_refused_before(tmp_path: Path) -> None:
    """A program with a key, behind the same address and at the same place as one without."""
    async with ApiWorld(tmp_path, **SETTINGS) as world:
        world.policies.policy = SIGNED_IN
        await world.user("User")
        _, text = await stored_key(world)
        asked = [junk(1), text, junk(2), text, junk(3)]

        answers = [(await ask(world, PLACE, bearer(one))).status_code for one in asked]

    assert answers == [401, 204, 401, 204, 401]


@pytest.mark.parametrize("family", FAMILIES)
async def test_junk_is_a_try_each_time(tmp_path: Path, family: str) -> None:
    """FA-18: whoever floods with what can be no key uses up the tries of this address; other addresses go on."""
    rules = ForwardAuthVariables(bad_credentials=20)
    async with ApiWorld(tmp_path, **SETTINGS, forward_auth=rules) as world:
        world.policies.policy = SIGNED_IN

        answers = [await ask(world, PLACE, bearer(junk(number)), family=family) for number in range(25)]
        elsewhere = await ask(world, PLACE, bearer(junk(25)), address="198.51.100.9", family=family)
        world.clock.advance(120)
        await world.heartbeat()
        later = await ask(world, PLACE, bearer(junk(26)), family=family)

    assert [status_of(answer, family) for answer in answers] == [401] * 20 + [429] * 5
    assert [status_of(answer, family) for answer in (elsewhere, later)] == [401, 401]


async def test_new_rules_are_in_force_where_junk_was_refused(tmp_path: Path) -> None:
    """A stranger at a place that becomes public, and then is denied to everybody."""
    async with ApiWorld(tmp_path, **SETTINGS) as world:
        answers = []
        for access in (Access.SIGNED_IN, Access.PUBLIC, Access.DENY):
            world.policies.policy = Policy([rule("all", access)])
            answers += [(await ask(world, PLACE, bearer(junk(number)))).status_code for number in range(2)]

    assert answers == [401, 401, 204, 204, 403, 403]


async def test_what_is_remembered_of_junk_is_remembered_of_one_place(tmp_path: Path) -> None:
    """A stranger who goes from a guarded place to a public one, a forbidden one and one that cannot be read."""
    async with ApiWorld(tmp_path, **SETTINGS) as world:
        world.policies.policy = SIGNED_IN
        places = {"/things": 401, "/health": ALLOWED["/forward-auth"], "/secret": 403, "/a//b": 400}

        answers = [
            {place: (await ask(world, place, bearer(junk(number)))).status_code for place in places}
            for number in range(2)
        ]
        untrusted = await ask(world, "/things", bearer(junk(2)), peer="192.0.2.66")

    assert answers == [places, places]
    assert untrusted.json()["code"] == "proxy_untrusted"
