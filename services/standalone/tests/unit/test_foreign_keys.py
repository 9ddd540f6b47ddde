"""What other systems' records say, in our words."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from paseport_shared.adapters.redis.foreign_records import ForeignRecord
from paseport_standalone.cli.foreign_keys import CannotImport, FoundKey, Wishes, read_foreign_key

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DIGEST = "a1" * 32
ANYWHERE = Wishes(any_host=True)


def read(
    wishes: Wishes = Wishes(),  # noqa: B008 - it is frozen
    *,
    name: str = DIGEST,
    expires_in: timedelta | None = timedelta(days=3),
    **fields: str,
) -> FoundKey:
    return read_foreign_key(ForeignRecord(name, fields, expires_in), wishes, NOW)


def test_a_record_of_the_fastapi_service_is_a_key_with_its_hosts_and_what_is_left_of_its_time() -> None:
    found = read(
        hosts='["App.example.com", "*.shop.example.com"]',
        email="ops@example.com",
        comment="Till at the door",
        rate_limit="100",
        created_at="2025-01-01",
    )

    assert found.body == {
        "digest": DIGEST,
        "name": "Till at the door",
        "comment": "Till at the door",
        "email": "ops@example.com",
        "hosts": ["app.example.com", "*.shop.example.com"],
        "roles": [],
        "scopes": [],
        "rate_limit": {"count": 100, "window_seconds": 60},
        "expires_at": (NOW + timedelta(days=3)).isoformat(),
    }
    assert (found.subject, found.unread) == (None, ())


def test_a_record_of_the_valkey_service_names_its_subject_and_never_ends() -> None:
    found = read(ANYWHERE, expires_in=None, sub="8f2d", created_at="2025-01-01T00:00:00Z", description="laptop")

    assert (found.subject, found.body["name"], found.body["hosts"]) == ("8f2d", "laptop", [])
    assert found.body["expires_at"] is None
    assert found.unread == ()


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("app.example.com", ["app.example.com"]),
        ("app.example.com, api.example.com", ["app.example.com", "api.example.com"]),
        ("app.example.com api.example.com\napp.example.com", ["app.example.com", "api.example.com"]),
        ('"app.example.com"', ["app.example.com"]),
        ('["app.example.com:8443"]', ["app.example.com"]),
        ("https://app.example.com/", ["app.example.com"]),
        (".example.com", ["*.example.com"]),
    ],
)
def test_hosts_may_be_written_in_several_ways(text: str, hosts: list[str]) -> None:
    assert read(hosts=text).body["hosts"] == hosts


@pytest.mark.parametrize("fields", [{}, {"hosts": ""}, {"hosts": "[]"}, {"hosts": "*"}, {"hosts": "app.example.com,*"}])
def test_a_key_that_works_everywhere_is_taken_only_where_that_is_wanted(fields: dict[str, str]) -> None:
    """No key is worth more than it was: what an empty list meant there, nobody can know here."""
    with pytest.raises(CannotImport, match="every host"):
        read(**fields)

    assert read(ANYWHERE, **fields).body["hosts"] == []


def test_hosts_that_are_named_for_the_import_are_for_records_that_name_none() -> None:
    wishes = Wishes(hosts=("app.example.com",))

    assert read(wishes).body["hosts"] == ["app.example.com"]
    assert read(wishes, hosts="other.example.com").body["hosts"] == ["other.example.com"]


@pytest.mark.parametrize(
    "text", ["not a host!", "[1]", "[", '{"a": 1}', "a..b", "*.com", "*app.example.com", "[" * 9_999]
)
def test_hosts_that_are_none_are_not_guessed(text: str) -> None:
    with pytest.raises(CannotImport):
        read(ANYWHERE, hosts=text)


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({"rate_limit": "100"}, (100, 30)),
        ({"rate_limit": "0"}, None),
        ({"rate_limit": " "}, None),
        ({"rate_limit": "100/60"}, (100, 60)),
        ({"rate_limit": "100/minute"}, (100, 60)),
        ({"rate_limit": "5 per hour"}, (5, 3600)),
        ({"rate_limit": "5/2h"}, (5, 7200)),
        ({"rate_limit": "100", "window": "10"}, (100, 10)),
        ({"limit": '{"limit": 7, "window": 20}'}, (7, 20)),
    ],
)
def test_a_limit_may_be_written_in_several_ways(fields: dict[str, str], limit: tuple[int, int] | None) -> None:
    wishes = Wishes(any_host=True, window=timedelta(seconds=30))
    said = read(wishes, **fields).body["rate_limit"]

    assert said == (None if limit is None else {"count": limit[0], "window_seconds": limit[1]})


@pytest.mark.parametrize(
    "fields",
    [
        {"rate_limit": "many"},
        {"rate_limit": "100/fortnight"},
        {"rate_limit": "-1"},
        {"rate_limit": "1.5"},
        {"rate_limit": "99999999/s"},
        {"rate_limit": "1/2d"},
        {"rate_limit": "100", "window": "soon"},
        {"rate_limit": '{"limit": true}'},
        {"rate_limit": "{"},
    ],
)
def test_a_limit_that_is_unclear_leaves_the_key_out(fields: dict[str, str]) -> None:
    """Without it the key would be worth more than it was."""
    with pytest.raises(CannotImport, match="rate limit"):
        read(ANYWHERE, **fields)


@pytest.mark.parametrize("fields", [{"disabled": "1"}, {"revoked": "True"}, {"active": "false"}, {"enabled": "0"}])
def test_a_key_that_is_disabled_there_does_not_wake_up_here(fields: dict[str, str]) -> None:
    with pytest.raises(CannotImport, match="disabled"):
        read(ANYWHERE, **fields)


def test_whether_it_works_is_not_guessed() -> None:
    with pytest.raises(CannotImport, match="unclear"):
        read(ANYWHERE, active="perhaps")
    assert read(ANYWHERE, active="1", disabled="false").body["name"]


@pytest.mark.parametrize(
    ("stated", "ends"),
    [
        ("2026-03-02T12:00:00Z", NOW + timedelta(days=1)),
        ("2026-03-02T12:00:00", NOW + timedelta(days=1)),
        (str(int((NOW + timedelta(days=1)).timestamp())), NOW + timedelta(days=1)),
        ("2036-01-01T00:00:00Z", NOW + timedelta(days=3)),
    ],
)
def test_of_two_ends_the_earlier_one_counts(stated: str, ends: datetime) -> None:
    assert read(ANYWHERE, expires_at=stated).body["expires_at"] == ends.isoformat()


@pytest.mark.parametrize("stated", ["2026-03-01T11:59:59Z", "1", "soon", "inf", "9" * 30])
def test_what_has_ended_or_ends_nobody_knows_when_is_left_out(stated: str) -> None:
    with pytest.raises(CannotImport):
        read(ANYWHERE, expires_at=stated)


def test_a_time_to_live_longer_than_any_here_ends_in_ten_years() -> None:
    ends = datetime.fromisoformat(read(ANYWHERE, expires_in=timedelta(days=20_000)).body["expires_at"])

    assert timedelta(days=3_600) < ends - NOW < timedelta(days=3_653)


@pytest.mark.parametrize("name", ["", "abc", "A1" * 32, "g" * 64, DIGEST + ":rate"])
def test_a_record_whose_name_is_no_digest_is_left_out(name: str) -> None:
    """Counters of the other system may lie beside its keys."""
    with pytest.raises(CannotImport, match="digest"):
        read(ANYWHERE, name=name)


def test_texts_of_strangers_fit_and_steer_no_terminal() -> None:
    found = read(ANYWHERE, comment="\x1b[31m" + "x" * 900 + "\nsecond", email="not an address")

    assert "\x1b" not in json.dumps(found.body)
    assert (len(found.body["name"]), len(found.body["comment"]), found.body["email"]) == (64, 500, None)
    assert read(ANYWHERE).body["name"] == f"imported {DIGEST[:12]}"
    assert read(ANYWHERE, comment="\n\n", email="a@example.com").body["name"] == "a@example.com"


def test_fields_that_mean_nothing_here_are_named() -> None:
    """Whoever runs the import sees what is lost."""
    assert read(ANYWHERE, Team="x", scope_of_x="y", ttl="3").unread == ("scope_of_x", "team")
