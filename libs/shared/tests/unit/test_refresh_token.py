from dataclasses import replace
from datetime import timedelta

import pytest
from contracts.refresh_token_store import GRACE, INSTANT, a_family
from contracts.support import NOW, SECOND
from hypothesis import given, settings
from hypothesis import strategies as st
from paseport.secret import Secret
from paseport_shared.domain.models import base62
from paseport_shared.domain.models.refresh_token import (
    MAX_GENERATION,
    SPENT_KEPT,
    UNCONFIRMED_REPLAY,
    PresentedToken,
    RefreshFamily,
    RefreshTokenKey,
    Rotation,
    Spent,
    advanced,
    judge,
    parse_refresh_token,
)

KEY = RefreshTokenKey(Secret(b"installation" * 4))
NO_GRACE = timedelta(0)
GENERATIONS = st.one_of(st.integers(0, 100), st.integers(0, MAX_GENERATION), st.just(MAX_GENERATION))


def token_of(family: RefreshFamily, generation: int = 0, key: RefreshTokenKey = KEY) -> str:
    return key.token(family, generation).reveal()


def parsed(text: str) -> PresentedToken:
    presented = parse_refresh_token(Secret(text))
    assert presented is not None
    return presented


# --- grammar ----------------------------------------------------------------------------------------------------------


@given(GENERATIONS)
def test_a_token_names_its_family_and_generation_and_fits(generation: int) -> None:
    family = a_family()

    presented = parsed(token_of(family, generation))

    assert (presented.family_id, presented.generation) == (family.id, generation)
    assert KEY.fits(presented, family)


@given(GENERATIONS)
def test_a_token_is_the_only_spelling_of_what_it_names(generation: int) -> None:
    family = a_family()
    text = token_of(family, generation)
    presented = parsed(text)

    assert text == token_of(family, presented.generation)
    assert text.count("_") == 4
    assert len(text) <= 92


@settings(max_examples=500)
@given(GENERATIONS, st.data())
def test_a_mutated_token_is_refused(generation: int, data: st.DataObject) -> None:
    """Replacing, inserting or deleting anything, with the checksum left as it is or made to fit."""
    family = a_family()
    text = token_of(family, generation)
    start = data.draw(st.integers(0, len(text)), label="from")
    end = data.draw(st.integers(start, min(len(text), start + 8)), label="to")
    piece = data.draw(st.text(st.one_of(st.sampled_from(base62.ALPHABET + "_-. \n"), st.characters()), max_size=8))
    mutant = text[:start] + piece + text[end:]
    if data.draw(st.booleans(), label="the checksum is made to fit"):
        body = mutant.rpartition("_")[0]
        mutant = f"{body}_{base62.crc(body.encode(errors='replace').decode())}"

    presented = parse_refresh_token(Secret(mutant))

    assert mutant == text or presented is None or presented.family_id != family.id or not KEY.fits(presented, family)


@given(st.text(max_size=120))
def test_reading_a_token_never_fails(text: str) -> None:
    assert parse_refresh_token(Secret(text)) is None


def with_checksum(body: str) -> str:
    return f"{body}_{base62.crc(body)}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "prt____",
        "x" * 100_000,
        with_checksum(f"prt_{'z' * 22}_0_{'0' * 43}"),
        with_checksum(f"prt_{'0' * 22}_0_{'z' * 43}"),
        with_checksum(f"prt_{'0' * 22}_00_{'0' * 43}"),
        with_checksum(f"prt_{'0' * 22}_01_{'0' * 43}"),
        with_checksum(f"prt_{'0' * 22}__{'0' * 43}"),
        with_checksum(f"prt_{'0' * 22}_{base62.encode(MAX_GENERATION + 1, 11)}_{'0' * 43}"),
        with_checksum(f"prt_{'0' * 22}_{'1' * 12}_{'0' * 43}"),
        with_checksum(f"prt_{'0' * 21}_0_{'0' * 43}"),
        with_checksum(f"prr_{'0' * 22}_0_{'0' * 43}"),
        with_checksum(f"PRT_{'0' * 22}_0_{'0' * 43}"),
        with_checksum(f"prt_{'0' * 22}_0_{'0' * 43}") + "\n",
        " " + with_checksum(f"prt_{'0' * 22}_0_{'0' * 43}"),
    ],
)
def test_text_outside_the_grammar_fails_without_a_look_up(text: str) -> None:
    assert parse_refresh_token(Secret(text)) is None


def test_the_smallest_token_of_the_grammar_is_read() -> None:
    assert parse_refresh_token(Secret(with_checksum(f"prt_{'0' * 22}_0_{'0' * 43}"))) == PresentedToken(
        "0" * 22, 0, "0" * 43
    )


# --- what the MAC binds -----------------------------------------------------------------------------------------------


def test_a_token_is_bound_to_family_generation_client_and_both_keys() -> None:
    """The store alone forges nothing, and neither does the installation's key alone."""
    family = a_family()
    presented = parsed(token_of(family, 7))
    foreign = {
        "another family": replace(family, id=a_family().id),
        "another client": replace(family, client_id="cli"),
        "another family key": replace(family, key=Secret(b"\x00" * 32)),
    }

    assert [name for name, other in foreign.items() if KEY.fits(presented, other)] == []
    assert not KEY.fits(replace(presented, generation=8), family)
    assert not RefreshTokenKey(Secret(b"another installation" * 2)).fits(presented, family)


def test_what_changes_while_a_family_lives_does_not_change_its_tokens() -> None:
    """The successor is computed, not stored: a replay must compute the same one."""
    family = a_family()
    later = advanced(advanced(family, 0, NOW, unconfirmed=True), 1, NOW, unconfirmed=False)

    assert token_of(later, 1) == token_of(family, 1)


def test_fields_next_to_each_other_in_the_mac_do_not_run_together() -> None:
    family = replace(a_family(), key=Secret(b"k" * 32), client_id="ab")
    shifted = replace(family, key=Secret(b"k" * 31), client_id="kab")

    assert token_of(family) != token_of(shifted)


@given(st.lists(GENERATIONS, min_size=2, max_size=20, unique=True))
def test_no_two_generations_share_a_token(generations: list[int]) -> None:
    family = a_family()

    assert len({token_of(family, generation) for generation in generations}) == len(generations)


def test_a_token_and_its_family_show_no_secret_in_a_log() -> None:
    family = replace(a_family(), key=Secret(b"canary-key"))
    text = token_of(family)
    mac = text.split("_")[3]

    shown = f"{family!r} {parsed(text)!r} {KEY!r} {KEY.token(family, 0)!r}"

    assert mac not in shown
    assert "canary" not in shown


# --- judging a presentation -------------------------------------------------------------------------------------------


def spent_every(step: timedelta, *, times: int, unconfirmed: bool = False) -> RefreshFamily:
    """A family whose generation n was spent n steps after ``NOW``."""
    family = a_family()
    for generation in range(times):
        family = advanced(family, generation, NOW + generation * step, unconfirmed=unconfirmed)
    return family


def test_the_live_generation_rotates_at_any_age() -> None:
    family = spent_every(SECOND, times=3)

    assert judge(family, 3, NOW + timedelta(days=13), GRACE) is Rotation.ROTATE
    assert judge(family, 3, NOW + timedelta(days=13), NO_GRACE) is Rotation.ROTATE


@pytest.mark.parametrize(
    ("age", "rotation"),
    [(NO_GRACE, Rotation.REPLAY), (GRACE, Rotation.REPLAY), (GRACE + INSTANT, Rotation.REUSE)],
)
def test_the_predecessor_is_a_replay_until_the_grace_ends(age: timedelta, rotation: Rotation) -> None:
    family = spent_every(SECOND, times=1)

    assert judge(family, 0, NOW + age, GRACE) is rotation


def test_without_grace_every_repetition_is_reuse() -> None:
    family = spent_every(NO_GRACE, times=3)

    assert [judge(family, generation, NOW, NO_GRACE) for generation in range(3)] == [Rotation.REUSE] * 3


def test_an_older_generation_is_late_within_its_own_grace_and_reuse_after() -> None:
    family = spent_every(4 * SECOND, times=4)
    now = NOW + 12 * SECOND

    assert [judge(family, generation, now, GRACE) for generation in range(4)] == [
        Rotation.REUSE,
        Rotation.LATE,
        Rotation.LATE,
        Rotation.REPLAY,
    ]


def test_only_the_last_generations_are_remembered() -> None:
    family = spent_every(NO_GRACE, times=SPENT_KEPT + 2)

    judged = [judge(family, generation, NOW, GRACE) for generation in range(SPENT_KEPT + 2)]

    assert judged == [Rotation.REUSE] * 2 + [Rotation.LATE] * (SPENT_KEPT - 1) + [Rotation.REPLAY]


@pytest.mark.parametrize("generation", [4, 5, MAX_GENERATION])
def test_a_generation_that_the_store_forgot_goes_on_from_there(generation: int) -> None:
    assert judge(spent_every(SECOND, times=3), generation, NOW, GRACE) is Rotation.RECOVER


@pytest.mark.parametrize("grace", [NO_GRACE, GRACE])
def test_while_an_advance_is_unconfirmed_its_predecessor_is_a_replay_for_two_minutes(grace: timedelta) -> None:
    """Nobody holds the successor: the answer was 503."""
    family = spent_every(SECOND, times=1, unconfirmed=True)

    assert judge(family, 0, NOW + UNCONFIRMED_REPLAY, grace) is Rotation.REPLAY
    assert judge(family, 0, NOW + UNCONFIRMED_REPLAY + INSTANT, grace) is Rotation.REUSE


def test_an_unconfirmed_advance_excuses_no_older_generation() -> None:
    family = spent_every(60 * SECOND, times=3, unconfirmed=True)

    assert judge(family, 0, NOW + 120 * SECOND, GRACE) is Rotation.REUSE


def test_an_advance_moves_the_generation_and_the_idle_time_and_never_the_end() -> None:
    family = a_family()

    after = advanced(family, family.generation, NOW + SECOND, unconfirmed=True)

    assert after == replace(
        family, generation=1, spent=(Spent(0, NOW + SECOND),), unconfirmed=True, advanced_at=NOW + SECOND
    )
