"""Which replicas have to confirm a write: those of which one might be the next primary."""

from collections.abc import Mapping

import pytest
from paseport.redis.followers import Followers
from paseport.redis.sentinels import ReplicaReport, SentinelAnswer
from paseport.redis.settings import Address

PRIMARY, OTHER_PRIMARY = Address("10.0.0.1", 6379), Address("10.0.0.9", 6379)
ONE, TWO, THREE = (Address(f"10.0.0.{number}", 6379) for number in (2, 3, 4))
LONG_AGO, JUST_NOW = 3600.0, 0.0
FINE = ReplicaReport(is_down=False, is_apart=False, heard_seconds_ago=1.0)
DOWN = ReplicaReport(is_down=True, is_apart=False, heard_seconds_ago=1.0)
MAJORITY = 2


def role(*replicas: Address) -> list[object]:
    """A primary's answer to ROLE."""
    return [b"master", 4711, [[host.encode(), str(port).encode(), b"4711"] for host, port in replicas]]


def apart(heard_seconds_ago: float) -> ReplicaReport:
    return ReplicaReport(is_down=False, is_apart=True, heard_seconds_ago=heard_seconds_ago)


def sentinels(*says: Mapping[Address, ReplicaReport], primary: Address = PRIMARY) -> list[SentinelAnswer]:
    return [SentinelAnswer(primary, reports) for reports in says]


@pytest.fixture
def followers() -> Followers:
    """Two replicas in step."""
    followers = Followers(1, may_be_promoted=True)
    followers.attach(PRIMARY, role(ONE, TWO))
    return followers


def test_all_that_are_in_step_have_to_confirm(followers: Followers) -> None:
    assert followers.needed == 2
    assert followers.lacking(1, 2, role(ONE, TWO)) is not None
    assert followers.lacking(2, 2, role(ONE, TWO)) is None


def test_one_is_needed_where_none_was_seen_yet() -> None:
    followers = Followers(1, may_be_promoted=True)
    followers.attach(PRIMARY, role())

    assert followers.needed == 1
    assert followers.lacking(0, 1, role()) is not None
    assert followers.lacking(1, 1, role(ONE)) is None


def test_a_replica_that_left_is_missed_whoever_took_its_place(followers: Followers) -> None:
    """FT-03: it may have been promoted."""
    assert followers.lacking(2, 2, role(ONE, THREE)) is not None
    assert followers.lacking(3, 3, role(ONE, THREE)) is not None


def test_a_replica_that_joins_has_to_confirm_from_then_on(followers: Followers) -> None:
    assert followers.lacking(2, 2, role(ONE, TWO, THREE)) is None

    assert followers.needed == 3


def test_a_primary_that_became_a_replica_confirms_nothing(followers: Followers) -> None:
    assert followers.lacking(2, 2, [b"slave", b"10.0.0.2", 6379, b"connected", 4711]) is not None


def test_who_is_down_by_the_word_of_most_sentinels_is_not_waited_for_until_they_say_otherwise(
    followers: Followers,
) -> None:
    assert followers.lacking(1, 2, role(ONE)) is not None

    followers.judge(sentinels({ONE: FINE, TWO: DOWN}, {ONE: FINE, TWO: DOWN}), MAJORITY)

    assert (followers.needed, followers.are_incomplete) == (1, True)
    assert followers.lacking(1, 1, role(ONE)) is None

    followers.judge(sentinels({ONE: FINE, TWO: FINE}, {ONE: FINE, TWO: DOWN}), MAJORITY)

    assert (followers.needed, followers.are_incomplete) == (2, False)
    assert followers.lacking(1, 2, role(ONE)) is not None


def test_one_sentinel_is_not_enough_to_give_a_replica_up(followers: Followers) -> None:
    followers.judge(sentinels({ONE: FINE, TWO: DOWN}), MAJORITY)

    assert followers.needed == 2


def test_what_sentinels_say_of_another_primary_does_not_count(followers: Followers) -> None:
    followers.judge(sentinels({TWO: DOWN}, {TWO: DOWN}, primary=OTHER_PRIMARY), MAJORITY)

    assert followers.needed == 2


def test_whom_the_sentinels_do_not_know_they_will_not_promote(followers: Followers) -> None:
    """An operator took it away."""
    followers.judge(sentinels({ONE: FINE}, {ONE: FINE}), MAJORITY)

    assert followers.needed == 1


def test_a_replica_that_lost_its_primary_is_not_waited_for_where_that_is_news(followers: Followers) -> None:
    assert followers.lacking(1, 2, role(ONE)) is not None

    followers.judge(sentinels({ONE: FINE, TWO: apart(JUST_NOW)}, {ONE: FINE, TWO: apart(JUST_NOW)}), MAJORITY)

    assert followers.needed == 1


def test_that_a_replica_had_lost_its_primary_before_it_was_in_step_is_old_news(followers: Followers) -> None:
    """Sentinels hear of their replicas every ten seconds: it may have been in step since, and promoted since."""
    assert followers.lacking(1, 2, role(ONE)) is not None

    followers.judge(sentinels({ONE: FINE, TWO: apart(LONG_AGO)}, {ONE: FINE, TWO: apart(LONG_AGO)}), MAJORITY)

    assert followers.needed == 2


def test_who_was_given_up_while_in_step_and_leaves_then_is_missed_again(followers: Followers) -> None:
    """The Sentinels changed their mind, and promoted it."""
    followers.judge(sentinels({ONE: FINE, TWO: DOWN}, {ONE: FINE, TWO: DOWN}), MAJORITY)
    assert followers.lacking(1, 1, role(ONE, TWO)) is None

    assert followers.lacking(1, 1, role(ONE)) is not None


def test_coming_back_to_the_same_primary_forgets_nobody(followers: Followers) -> None:
    """A connection that broke is no reason to trust fewer."""
    followers.attach(PRIMARY, role(ONE))

    assert followers.needed == 2
    assert followers.lacking(2, 2, role(ONE)) is not None


def test_another_primary_has_followers_of_its_own(followers: Followers) -> None:
    followers.attach(OTHER_PRIMARY, role(THREE))

    assert followers.needed == 1
    assert followers.lacking(1, 1, role(THREE)) is None


def test_without_sentinels_nobody_is_promoted_and_as_many_as_asked_for_are_enough() -> None:
    followers = Followers(1, may_be_promoted=False)
    followers.attach(PRIMARY, role(ONE, TWO))

    assert followers.needed == 1
    assert followers.lacking(1, 1, role(TWO)) is None
