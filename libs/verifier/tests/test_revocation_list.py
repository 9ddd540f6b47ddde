from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paseport.claims import Claims
from paseport.revocation import (
    FeedChange,
    FeedPosition,
    FeedSnapshot,
    Revocation,
    RevocationKind,
)
from paseport.revocation_list import STALE_AFTER_SECONDS, RevocationList, stricter
from paseport_shared.adapters.memory.clock import START, ManualClock
from paseport_shared.domain.errors import InvalidToken, Unavailable

SUBJECT = str(uuid4())
CLAIMS = Claims(
    issuer="https://auth.example.com",
    subject=SUBJECT,
    audience="https://auth.example.com/api",
    expires_at=START + timedelta(minutes=5),
    not_before=START,
    issued_at=START,
    token_id="jti-1",
    client_id="bff",
    scope=("openid",),
    session_id="sid-1",
    family_id="fid-1",
    user_version=3,
    auth_time=START,
    amr=("pwd",),
    key_id="k4.pid.one",
)
MACHINE = replace(CLAIMS, subject="reports", session_id=None, family_id=None, user_version=None, auth_time=None, amr=())
BEGIN = FeedPosition(1, 0)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def revocations(clock: ManualClock) -> RevocationList:
    """A verifier's copy that has just read an empty snapshot."""
    copy = RevocationList(clock)
    copy.merge(FeedSnapshot(BEGIN, ()))
    return copy


def revoked(kind: RevocationKind, subject: str, min_version: int | None = None, minutes: int = 5) -> Revocation:
    return Revocation(kind, subject, min_version, START, START + timedelta(minutes=minutes))


def refused(copy: RevocationList, claims: Claims = CLAIMS) -> bool:
    try:
        copy.check(claims)
    except InvalidToken:
        return True
    return False


OURS = [
    revoked(RevocationKind.TOKEN, "jti-1"),
    revoked(RevocationKind.FAMILY, "fid-1"),
    revoked(RevocationKind.SESSION, "sid-1"),
    revoked(RevocationKind.KEY, "k4.pid.one"),
    revoked(RevocationKind.USER, SUBJECT, min_version=4),
]


def by_snapshot(copy: RevocationList, revocation: Revocation) -> None:
    copy.merge(FeedSnapshot(FeedPosition(1, 9), (revocation,)))


def by_increment(copy: RevocationList, revocation: Revocation) -> None:
    copy.apply((FeedChange(FeedPosition(1, 1), revocation),))


def test_a_token_that_nothing_revokes_passes(revocations: RevocationList) -> None:
    assert not refused(revocations)
    assert not refused(revocations, MACHINE)


@pytest.mark.parametrize("learn", [by_snapshot, by_increment])
@pytest.mark.parametrize("revocation", OURS, ids=lambda revocation: revocation.kind.value)
def test_a_token_is_refused_by_each_kind_of_revocation(
    revocations: RevocationList, revocation: Revocation, learn: Callable[[RevocationList, Revocation], None]
) -> None:
    learn(revocations, revocation)

    assert refused(revocations)


@pytest.mark.parametrize("revocation", OURS, ids=lambda revocation: revocation.kind.value)
def test_the_tokens_of_others_stay_valid(revocations: RevocationList, revocation: Revocation) -> None:
    by_increment(revocations, revocation)
    others = Claims(
        **{name: getattr(CLAIMS, name) for name in ("issuer", "audience", "expires_at", "not_before", "issued_at")},
        subject=str(uuid4()),
        token_id="jti-2",
        client_id="bff",
        scope=(),
        session_id="sid-2",
        family_id="fid-2",
        user_version=1,
        key_id="k4.pid.two",
    )

    assert not refused(revocations, others)


def test_an_id_revoked_as_one_kind_is_not_revoked_as_another(revocations: RevocationList) -> None:
    for kind, subject in (
        (RevocationKind.SESSION, "fid-1"),
        (RevocationKind.FAMILY, "jti-1"),
        (RevocationKind.TOKEN, "sid-1"),
        (RevocationKind.KEY, SUBJECT),
    ):
        by_increment(revocations, revoked(kind, subject))

    assert not refused(revocations)


@pytest.mark.parametrize(("min_version", "is_refused"), [(2, False), (3, False), (4, True)])
def test_a_users_tokens_are_refused_below_the_minimum_version(
    revocations: RevocationList, min_version: int, is_refused: bool
) -> None:
    by_increment(revocations, revoked(RevocationKind.USER, SUBJECT, min_version))

    assert refused(revocations) is is_refused


def test_a_users_token_without_version_is_refused_by_any_revocation_of_the_user(revocations: RevocationList) -> None:
    by_increment(revocations, revoked(RevocationKind.USER, SUBJECT, 1))

    assert refused(revocations, replace(CLAIMS, user_version=None))


@pytest.mark.parametrize("revocation", [OURS[0], OURS[3]], ids=["jti", "key"])
def test_a_machines_token_is_refused_by_its_id_or_its_key(revocations: RevocationList, revocation: Revocation) -> None:
    by_increment(revocations, revocation)

    assert refused(revocations, MACHINE)


# --- API keys ---------------------------------------------------------------------------------------------------------

KEY_ID = "7Hq2vXk0Rr5LwZ9d"


@pytest.mark.parametrize("learn", [by_snapshot, by_increment])
@pytest.mark.parametrize(("revision", "is_current"), [(0, False), (3, False), (4, True), (5, True)])
def test_what_is_known_of_an_api_key_from_before_its_last_change_does_not_count(
    revocations: RevocationList,
    learn: Callable[[RevocationList, Revocation], None],
    revision: int,
    is_current: bool,
) -> None:
    """FA-16, P2."""
    assert revocations.is_current(KEY_ID, revision) is True

    learn(revocations, revoked(RevocationKind.API_KEY, KEY_ID, min_version=4))

    assert revocations.is_current(KEY_ID, revision) is is_current


def test_a_change_of_one_api_key_says_nothing_of_another_one_or_of_a_token(revocations: RevocationList) -> None:
    by_increment(revocations, revoked(RevocationKind.API_KEY, KEY_ID, min_version=4))
    by_increment(revocations, revoked(RevocationKind.API_KEY, "sid-1", min_version=4))
    by_increment(revocations, revoked(RevocationKind.API_KEY, SUBJECT, min_version=4))

    assert revocations.is_current(KEY_ID.swapcase(), 1)
    assert revocations.is_current(f"0{KEY_ID[1:]}", 1)
    assert not refused(revocations)


@pytest.mark.parametrize("kind", [kind for kind in RevocationKind if kind is not RevocationKind.API_KEY])
def test_what_is_revoked_as_another_kind_leaves_an_api_key_of_that_name_alone(
    revocations: RevocationList, kind: RevocationKind
) -> None:
    by_increment(revocations, revoked(kind, KEY_ID, min_version=4 if kind.is_of_versions else None))

    assert revocations.is_current(KEY_ID, 1)


def test_an_older_change_of_an_api_key_that_is_heard_later_takes_nothing_back(revocations: RevocationList) -> None:
    by_increment(revocations, revoked(RevocationKind.API_KEY, KEY_ID, min_version=4, minutes=5))
    by_increment(revocations, revoked(RevocationKind.API_KEY, KEY_ID, min_version=2, minutes=60))

    forget_all_expired(revocations, START + timedelta(minutes=30))

    assert not revocations.is_current(KEY_ID, 3)
    assert revocations.is_current(KEY_ID, 4)


def test_a_change_of_an_api_key_is_forgotten_when_nobody_can_have_an_older_copy(revocations: RevocationList) -> None:
    by_increment(revocations, revoked(RevocationKind.API_KEY, KEY_ID, min_version=4, minutes=60))

    forget_all_expired(revocations, START + timedelta(minutes=60))

    assert revocations.is_current(KEY_ID, 1)
    assert dict(revocations.state().in_force) == {}


def test_a_verifier_that_does_not_hear_the_feed_does_not_say_that_a_copy_of_an_api_key_counts(
    revocations: RevocationList, clock: ManualClock
) -> None:
    """FT-08: also where it knows that the copy is old."""
    by_increment(revocations, revoked(RevocationKind.API_KEY, KEY_ID, min_version=4))
    clock.advance(STALE_AFTER_SECONDS + 0.001)

    for known in (revocations, RevocationList(clock)):
        for revision in (3, 4):
            with pytest.raises(Unavailable):
                known.is_current(KEY_ID, revision)


def test_a_verifier_that_trusts_a_stale_copy_goes_by_what_it_knows_of_an_api_key(clock: ManualClock) -> None:
    copy = RevocationList(clock, trust_stale=True)
    with pytest.raises(Unavailable):
        copy.is_current(KEY_ID, 1)
    by_snapshot(copy, revoked(RevocationKind.API_KEY, KEY_ID, min_version=4))
    clock.advance(STALE_AFTER_SECONDS + 1)

    assert copy.is_current(KEY_ID, 3) is False
    assert copy.is_current(KEY_ID, 4) is True


@pytest.mark.parametrize(
    ("kind", "min_version"), [(kind, None if kind.is_of_versions else 1) for kind in RevocationKind]
)
def test_a_revocation_that_would_revoke_nothing_cannot_be_made(kind: RevocationKind, min_version: int | None) -> None:
    with pytest.raises(ValueError, match="min_version"):
        revoked(kind, KEY_ID, min_version)


# --- how current the copy is ------------------------------------------------------------------------------------------


def test_a_verifier_that_never_heard_the_feed_refuses_to_say(clock: ManualClock) -> None:
    copy = RevocationList(clock)

    with pytest.raises(Unavailable):
        copy.check(CLAIMS)
    assert copy.position is None
    assert copy.state().age_seconds is None
    assert not copy.state().is_fresh


def test_a_copy_is_trusted_for_five_seconds_after_the_last_answer(
    revocations: RevocationList, clock: ManualClock
) -> None:
    clock.advance(STALE_AFTER_SECONDS)
    assert not refused(revocations)

    clock.advance(0.001)

    with pytest.raises(Unavailable):
        revocations.check(CLAIMS)


def test_a_stale_copy_answers_unavailable_also_for_what_it_knows_to_be_revoked(
    revocations: RevocationList, clock: ManualClock
) -> None:
    by_increment(revocations, OURS[0])
    clock.advance(STALE_AFTER_SECONDS + 1)

    with pytest.raises(Unavailable):
        revocations.check(CLAIMS)


def test_a_heartbeat_keeps_the_copy_current(revocations: RevocationList, clock: ManualClock) -> None:
    for _ in range(10):
        clock.advance(4)
        revocations.apply(())

    assert not refused(revocations)
    assert revocations.position == BEGIN
    assert revocations.state().is_fresh


def test_setting_the_wall_clock_neither_ages_nor_renews_a_copy(revocations: RevocationList, clock: ManualClock) -> None:
    clock.set_wall_clock(START + timedelta(days=1))
    assert not refused(revocations)

    clock.advance(STALE_AFTER_SECONDS + 1)
    clock.set_wall_clock(START)

    with pytest.raises(Unavailable):
        revocations.check(CLAIMS)


def test_the_state_names_position_age_and_what_is_in_force(revocations: RevocationList, clock: ManualClock) -> None:
    by_snapshot(revocations, OURS[0])
    revocations.apply((FeedChange(FeedPosition(1, 10), OURS[1]), FeedChange(FeedPosition(1, 11), OURS[4])))
    clock.advance(2)

    state = revocations.state()

    assert (state.position, state.age_seconds, state.is_fresh) == (FeedPosition(1, 11), 2.0, False)
    assert dict(state.in_force) == {RevocationKind.TOKEN: 1, RevocationKind.FAMILY: 1, RevocationKind.USER: 1}


# --- what the copy holds ----------------------------------------------------------------------------------------------


def test_a_snapshot_that_does_not_name_what_was_held_lifts_nothing(revocations: RevocationList) -> None:
    """FT-04, FT-08: the feed behind it may have lost it, or not have heard of it yet."""
    by_increment(revocations, OURS[0])

    revocations.merge(FeedSnapshot(FeedPosition(2, 0), (revoked(RevocationKind.TOKEN, "jti-2"),)))

    assert refused(revocations)
    assert refused(revocations, replace(CLAIMS, token_id="jti-2"))
    assert revocations.position == FeedPosition(2, 0)


def forget_all_expired(revocations: RevocationList, now: datetime) -> None:
    for _ in range(revocations.shards()):
        revocations.forget_expired(now)


def test_what_has_expired_is_forgotten_and_nothing_else(revocations: RevocationList) -> None:
    revocations.apply(
        (
            FeedChange(FeedPosition(1, 1), revoked(RevocationKind.TOKEN, "jti-1", minutes=5)),
            FeedChange(FeedPosition(1, 2), revoked(RevocationKind.TOKEN, "jti-2", minutes=6)),
        )
    )

    forget_all_expired(revocations, START + timedelta(minutes=5))

    assert not refused(revocations)
    assert refused(revocations, replace(CLAIMS, token_id="jti-2"))


def test_a_milder_revocation_that_comes_later_takes_nothing_back(revocations: RevocationList) -> None:
    by_increment(revocations, revoked(RevocationKind.USER, SUBJECT, 4, minutes=5))
    by_increment(revocations, revoked(RevocationKind.USER, SUBJECT, 2, minutes=60))

    forget_all_expired(revocations, START + timedelta(minutes=30))

    assert refused(revocations)


VERSIONED = st.sampled_from([RevocationKind.USER, RevocationKind.API_KEY]).flatmap(
    lambda kind: st.lists(
        st.builds(revoked, st.just(kind), st.just(SUBJECT), st.integers(0, 5), st.integers(1, 5)),
        min_size=2,
        max_size=4,
    )
)


@given(VERSIONED)
def test_the_strictest_revocation_wins_in_whichever_order_they_come(several: list[Revocation]) -> None:
    outcomes = set()
    for order in permutations(several):
        merged = order[0]
        for other in order[1:]:
            merged = stricter(merged, other)
        outcomes.add((merged.min_version, merged.expires_at))

    assert outcomes == {(max(one.min_version or 0 for one in several), max(one.expires_at for one in several))}


# --- a session without a token ----------------------------------------------------------------------------------------


def test_a_session_that_nothing_names_passes(revocations: RevocationList) -> None:
    revocations.apply((FeedChange(FeedPosition(1, 1), revoked(RevocationKind.SESSION, "sid-2")),))

    revocations.check_session("sid-1", SUBJECT, 3)


@pytest.mark.parametrize(
    "revocation",
    [revoked(RevocationKind.SESSION, "sid-1"), revoked(RevocationKind.USER, SUBJECT, 4)],
    ids=["session", "user version"],
)
def test_a_session_is_refused_by_its_own_end_and_by_a_later_version_of_its_user(
    revocations: RevocationList, revocation: Revocation
) -> None:
    revocations.apply((FeedChange(FeedPosition(1, 1), revocation),))

    with pytest.raises(InvalidToken):
        revocations.check_session("sid-1", SUBJECT, 3)
    revocations.check_session("sid-2", str(uuid4()), 3)


def test_nobody_can_say_whether_a_session_lives_once_the_copy_is_stale(
    revocations: RevocationList, clock: ManualClock
) -> None:
    clock.advance(STALE_AFTER_SECONDS + 0.1)

    with pytest.raises(Unavailable):
        revocations.check_session("sid-1", SUBJECT, 3)
