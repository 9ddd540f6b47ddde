"""What the wiring of both services builds alike."""

from __future__ import annotations

from paseport.redis.settings import Address, RedisSettings

from paseport_shared.production_settings import RedisVariables


def redis_settings(variables: RedisVariables) -> RedisSettings:
    """Return the Redis adapter's settings."""
    node = variables.node_address
    return RedisSettings(
        node=None if node is None else Address(*node),
        sentinels=tuple(Address(*address) for address in variables.sentinel_addresses),
        master_name=variables.master_name,
        username=variables.username,
        password=variables.password,
        sentinel_username=variables.sentinel_username,
        sentinel_password=variables.sentinel_password,
        db=variables.db,
        tls=variables.uses_tls,
        tls_skip_verify=variables.tls_skip_verify,
        tls_ca_file=None if variables.ca is None else str(variables.ca),
        wait_replicas=variables.replicas_to_wait_for,
        wait_milliseconds=variables.timeout_ms * 2 // 5,
        deadline_seconds=variables.timeout_ms / 1000,
    )
