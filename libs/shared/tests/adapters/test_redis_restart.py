"""A Redis node that dies and is started again has everything that it acknowledged."""

import pytest
from contracts.refresh_token_store import POLICY, a_family, rotated
from contracts.revocation_feed import a_revocation
from contracts.support import NOW
from paseport.redis.access import RedisAccess
from paseport_shared.adapters.redis.refresh_token_store import RedisRefreshTokenStore
from paseport_shared.adapters.redis.revocation_publisher import RedisRevocationPublisher
from paseport_testkit.harness.redis import RedisNode
from redis.exceptions import AuthenticationError
from redis_support import node_settings


async def test_a_node_that_was_killed_still_knows_which_tokens_were_spent_and_what_was_revoked(
    redis_node: RedisNode, redis_namespace: str
) -> None:
    """FT-01. A script's writes are one transaction in the node's file, which is read without a user's rights."""
    family, revocation = a_family(), a_revocation()
    async with RedisAccess(node_settings(redis_node)) as access:
        store = RedisRefreshTokenStore(access, POLICY, f"refresh_token:{redis_namespace}")
        await store.open_family(family)
        await rotated(store, family, times=3)
        before = await store.find_family(family.id, NOW)
        feed = RedisRevocationPublisher(access, namespace=f"revocation:{redis_namespace}")
        await feed.publish(revocation)

    redis_node.kill()
    redis_node.start()

    async with RedisAccess(node_settings(redis_node)) as access:
        store = RedisRefreshTokenStore(access, POLICY, f"refresh_token:{redis_namespace}")
        assert before is not None
        assert before.generation == 3
        assert await store.find_family(family.id, NOW) == before
        # A restart begins a new epoch, which is filled again; what was in force still is.
        feed = RedisRevocationPublisher(access, namespace=f"revocation:{redis_namespace}")
        assert await feed.mark_complete(await feed.epoch())
        assert revocation in (await feed.snapshot(NOW)).revocations


@pytest.mark.parametrize("password", ["", "default", "nopass"])
def test_nobody_signs_in_as_the_default_user_whose_rights_only_the_loading_of_the_file_needs(
    redis_node: RedisNode, password: str
) -> None:
    """A stranger on the network of Redis."""
    with redis_node.admin() as admin:
        with pytest.raises(AuthenticationError):
            admin.execute_command("AUTH", "default", password)
        assert "off" in admin.acl_getuser("default")["flags"]
