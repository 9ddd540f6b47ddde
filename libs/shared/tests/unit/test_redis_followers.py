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


# --- whoever connects while somebody is promoted ----------------------------------------------------------------------


class Moments:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def moments() -> Moments:
    return Moments()


@pytest.fixture
def newcomer(moments: Moments) -> Followers:
    """It connects to a primary that TWO has left; to the Sentinels TWO is as good as ONE."""
    newcomer = Followers(1, may_be_promoted=True, monotonic=moments)
    newcomer.attach(PRIMARY, role(ONE), sentinels({ONE: FINE, TWO: FINE}, {ONE: FINE, TWO: FINE}), MAJORITY)
    return newcomer


def test_a_replica_that_has_left_before_we_came_is_missed(newcomer: Followers) -> None:
    """FT-03: it was promoted a moment ago, the Sentinels do not know yet, and ONE still confirms."""
    assert (newcomer.needed, newcomer.are_incomplete) == (2, True)
    assert newcomer.lacking(1, 2, role(ONE)) is not None
    assert newcomer.lacking(1, 1, role(ONE)) is not None


def test_once_it_is_there_it_counts_like_the_other(newcomer: Followers) -> None:
    assert newcomer.lacking(2, 2, role(ONE, TWO)) is None
    assert newcomer.are_incomplete is False

    assert newcomer.lacking(1, 2, role(ONE)) is not None


def test_one_who_is_dead_when_we_come_is_in_nobodys_way_and_not_when_it_comes_back_either(moments: Moments) -> None:
    """The primary of before, killed. It takes Sentinels ten seconds to make a replica of it."""
    newcomer = Followers(1, may_be_promoted=True, monotonic=moments)
    newcomer.attach(PRIMARY, role(ONE), sentinels({ONE: FINE, TWO: DOWN}, {ONE: FINE, TWO: DOWN}), MAJORITY)

    assert (newcomer.needed, newcomer.are_incomplete) == (1, False)
    assert newcomer.lacking(1, 1, role(ONE)) is None

    newcomer.judge(sentinels({ONE: FINE, TWO: FINE}, {ONE: FINE, TWO: FINE}), MAJORITY)

    assert newcomer.lacking(1, 1, role(ONE)) is None


def test_one_whom_most_sentinels_rule_out_later_is_missed_until_then(newcomer: Followers) -> None:
    newcomer.judge(sentinels({ONE: FINE, TWO: DOWN}, {ONE: FINE, TWO: FINE}), MAJORITY)
    assert newcomer.lacking(1, 2, role(ONE)) is not None

    newcomer.judge(sentinels({ONE: FINE, TWO: DOWN}, {ONE: FINE, TWO: DOWN}), MAJORITY)

    assert newcomer.lacking(1, 1, role(ONE)) is None


def test_that_it_had_lost_the_primary_before_we_came_is_old_news(moments: Moments) -> None:
    """It may have found it again, and been promoted."""
    before, lost = apart(1.0), Followers(1, may_be_promoted=True, monotonic=moments)
    lost.attach(PRIMARY, role(ONE), sentinels({TWO: before}, {TWO: before}), MAJORITY)
    assert lost.lacking(1, 2, role(ONE)) is not None

    moments.now += 2
    lost.judge(sentinels({ONE: FINE, TWO: before}, {ONE: FINE, TWO: before}), MAJORITY)

    assert lost.lacking(1, 1, role(ONE)) is None


def test_nobody_is_missed_for_longer_than_a_promotion_takes(newcomer: Followers, moments: Moments) -> None:
    """The Sentinels may know a replica by another name than the primary does."""
    moments.now += 2.9
    assert newcomer.lacking(1, 2, role(ONE)) is not None

    moments.now += 0.2

    assert (newcomer.needed, newcomer.are_incomplete) == (1, False)
    assert newcomer.lacking(1, 1, role(ONE)) is None


def test_the_replicas_of_another_primary_are_not_missed() -> None:
    newcomer = Followers(1, may_be_promoted=True)
    newcomer.attach(PRIMARY, role(ONE), sentinels({TWO: FINE}, {TWO: FINE}, primary=OTHER_PRIMARY), MAJORITY)

    assert newcomer.needed == 1


def test_who_confirms_nothing_misses_nobody() -> None:
    reader = Followers(0, may_be_promoted=True)
    reader.attach(PRIMARY, role(ONE), sentinels({TWO: FINE}, {TWO: FINE}), MAJORITY)

    assert (reader.needed, reader.are_incomplete) == (0, False)


# --- what a Sentinel says ---------------------------------------------------------------------------------------------


def entry(flags: str, info_refresh: int = 0, role: str = "slave", link: str = "ok") -> dict[bytes, bytes]:
    """An entry of the answer to SENTINEL REPLICAS."""
    fields = {"flags": flags, "info-refresh": str(info_refresh), "role-reported": role, "master-link-status": link}
    return {name.encode(): value.encode() for name, value in fields.items()}


@pytest.mark.parametrize(
    ("said", "is_down", "is_apart"),
    [
        (entry("slave", 9_000), False, False),
        (entry("slave"), False, False),
        (entry("slave", 200, link="err"), False, True),
        (entry("slave", link="err"), False, False),
        (entry("s_down,slave", 9_000), True, False),
        (entry("s_down,slave,disconnected", 9_000, link="err"), True, True),
        # The primary of before, killed: the Sentinels have just begun to look for it among the replicas.
        (entry("slave,disconnected", link="err"), True, False),
        # A replica is promoted, drops all its connections, and says so.
        (entry("slave,disconnected", 300), False, False),
        (entry("slave", 20, role="master", link="err"), False, False),
    ],
)
def test_a_sentinel_that_has_lost_a_replica_it_knew_does_not_say_that_it_is_down(
    said: dict[bytes, bytes], is_down: bool, is_apart: bool
) -> None:
    """FT-03: to be disconnected is what a promotion looks like."""
    report = ReplicaReport.read(said)

    assert (report.is_down, report.is_apart) == (is_down, is_apart)
    assert report.heard_seconds_ago == int(said[b"info-refresh"]) / 1000
