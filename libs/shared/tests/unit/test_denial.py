"""What is kept of a denial."""

from dataclasses import replace
from datetime import UTC, datetime

from paseport_shared.domain.models.denial import MAX_TEXT, Denial, shortened
from paseport_shared.domain.models.policy import Reason

DENIAL = Denial("id", datetime(2026, 1, 1, tzinfo=UTC), Reason.NO_RULE, None, "a rule", "h", "/", "GET", "192.0.2.7")


def test_a_short_denial_is_kept_as_it_is() -> None:
    longest = replace(DENIAL, host="h" * MAX_TEXT, path="p" * MAX_TEXT, remedy="r" * MAX_TEXT)

    assert shortened(longest) == longest


def test_each_long_text_is_cut_and_says_so() -> None:
    long = replace(DENIAL, host="h" * 9000, path="p" * 600, remedy="r" * (MAX_TEXT + 1))

    kept = shortened(long)

    assert [len(text) for text in (kept.host, kept.path, kept.remedy)] == [MAX_TEXT] * 3
    assert (kept.host[-2:], kept.path[-2:], kept.remedy[-2:]) == ("h…", "p…", "r…")


def test_neither_a_log_nor_a_traceback_shows_the_address_of_a_caller() -> None:
    assert "192.0.2.7" not in repr(DENIAL)
