"""An operator tells a service where Redis is, and whom it may ask."""

from __future__ import annotations

from pathlib import Path

import pytest
from paseport.redis.settings import Address
from paseport.secret import Secret
from paseport_shared.domain.models.outbound_url import OutboundTarget
from paseport_shared.production_settings import OutboundVariables, RedisVariables, ServerVariables
from paseport_shared.settings import SettingsProblems, load_settings
from paseport_shared.wiring import redis_settings
from paseport_testkit.harness.certificates import Certificates

SENTINELS = {"REDIS_SENTINELS": "redis-1:26380, redis-2,[2001:db8::1]:26379"}
NODE = {"REDIS_URL": "redis://redis:6380"}


def problems(**environment: str) -> set[str]:
    """The variables that are complained about."""
    with pytest.raises(SettingsProblems) as refused:
        load_settings(RedisVariables, environment)
    return {problem.name for problem in refused.value.problems}


def test_sentinels_are_named_with_or_without_port_and_a_replica_must_confirm() -> None:
    settings = redis_settings(load_settings(RedisVariables, SENTINELS | {"REDIS_MASTER_NAME": "mymaster"}))

    assert settings.sentinels == (Address("redis-1", 26380), Address("redis-2", 26379), Address("2001:db8::1", 26379))
    assert (settings.node, settings.master_name, settings.wait_replicas, settings.tls) == (None, "mymaster", 1, False)


def test_a_single_node_has_no_replica_to_wait_for() -> None:
    settings = redis_settings(load_settings(RedisVariables, NODE))

    assert (settings.node, settings.sentinels, settings.wait_replicas) == (Address("redis", 6380), (), 0)


def test_a_redis_far_away_is_given_more_time_and_its_replicas_their_share_of_it() -> None:
    near = redis_settings(load_settings(RedisVariables, SENTINELS))
    far = redis_settings(load_settings(RedisVariables, SENTINELS | {"PASEPORT_REDIS_TIMEOUT_MS": "2000"}))

    assert (near.deadline_seconds, near.wait_milliseconds) == (0.5, 200)
    assert (far.deadline_seconds, far.wait_milliseconds) == (2.0, 800)


@pytest.mark.parametrize("tls", [{"REDIS_URL": "rediss://redis"}, {"REDIS_URL": "redis://redis", "REDIS_TLS": "true"}])
def test_tls_is_asked_for_by_the_url_or_by_a_variable(tls: dict[str, str]) -> None:
    settings = redis_settings(load_settings(RedisVariables, tls))

    assert (settings.tls, settings.node) == (True, Address("redis", 6379))


def test_credentials_are_secrets() -> None:
    environment = NODE | {"REDIS_USERNAME": "issuer", "REDIS_PASSWORD": "a-word-of-redis"}
    settings = redis_settings(load_settings(RedisVariables, environment))

    assert (settings.username, settings.password) == ("issuer", Secret("a-word-of-redis"))
    assert "a-word-of-redis" not in repr(settings)


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({}, "REDIS_SENTINELS"),
        (SENTINELS | NODE | {"REDIS_WAIT_REPLICAS": "0"}, "REDIS_SENTINELS"),
        ({"REDIS_SENTINELS": "redis-1:port"}, "REDIS_SENTINELS"),
        ({"REDIS_SENTINELS": "user@redis-1"}, "REDIS_SENTINELS"),
        ({"REDIS_URL": "redis://user:word@redis"}, "REDIS_URL"),
        ({"REDIS_URL": "http://redis"}, "REDIS_URL"),
        ({"REDIS_URL": "redis://redis/1"}, "REDIS_URL"),
        (NODE | {"REDIS_WAIT_REPLICAS": "1"}, "REDIS_WAIT_REPLICAS"),
        (SENTINELS | {"REDIS_WAIT_REPLICAS": "2"}, "REDIS_WAIT_REPLICAS"),
        (SENTINELS | {"PASEPORT_REDIS_TIMEOUT_MS": "0"}, "PASEPORT_REDIS_TIMEOUT_MS"),
        (SENTINELS | {"REDIS_TLS_SKIP_VERIFY": "true"}, "REDIS_TLS_SKIP_VERIFY"),
        (SENTINELS | {"PASEPORT_REDIS_CA": "/no/such/file"}, "PASEPORT_REDIS_CA"),
        (SENTINELS | {"REDIS_NAMESPACE_ROLE": "a b"}, "REDIS_NAMESPACE_ROLE"),
        (SENTINELS | {"REDIS_NAMESPACE_ROLE": "session"}, "REDIS_NAMESPACE_*"),
    ],
)
def test_what_cannot_be_used_is_named(environment: dict[str, str], name: str) -> None:
    """FT-22."""
    assert problems(**environment) == {name}


def test_an_unknown_log_level_is_refused() -> None:
    with pytest.raises(SettingsProblems, match="LOG_LEVEL"):
        load_settings(ServerVariables, {"LOG_LEVEL": "LOUD"})


# --- outbound requests ------------------------------------------------------------------------------------------------


def test_without_a_word_nobody_is_asked_but_public_servers() -> None:
    settings = load_settings(OutboundVariables, {})

    assert (settings.allowed_targets, settings.ca) == ((), None)


def test_targets_are_read_as_urls_are(certificates: Certificates) -> None:
    environment = {"PASEPORT_OUTBOUND_ALLOW": "IdP.internal:8443, 10.0.0.7:443,[FD00::0:7]:443"}
    settings = load_settings(OutboundVariables, environment | {"PASEPORT_OUTBOUND_CA": str(certificates.ca)})

    assert settings.allowed_targets == (
        OutboundTarget("idp.internal", 8443),
        OutboundTarget("10.0.0.7", 443),
        OutboundTarget("fd00::7", 443),
    )
    assert settings.ca == certificates.ca


@pytest.mark.parametrize(
    "allow", ["idp.internal", "https://idp.internal:443", "10.0.0.0/8", "*:443", "0x7f.1:443", "idp.internal:443,idp"]
)
def test_a_target_that_no_url_could_name_is_refused(allow: str) -> None:
    """FT-22."""
    with pytest.raises(SettingsProblems, match="PASEPORT_OUTBOUND_ALLOW: must be host:port pairs"):
        load_settings(OutboundVariables, {"PASEPORT_OUTBOUND_ALLOW": allow})


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"\x00"])
def test_a_bundle_without_certificates_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """FT-22."""
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_bytes(content)

    with pytest.raises(SettingsProblems, match="PASEPORT_OUTBOUND_CA"):
        load_settings(OutboundVariables, {"PASEPORT_OUTBOUND_CA": str(bundle)})
