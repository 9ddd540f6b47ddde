"""What every store of authorization codes promises."""

import asyncio
import secrets
from collections import Counter
from dataclasses import replace

import pytest
from contracts.support import NOW, SECOND, Unreachable, crowd, new_id, new_user
from paseport_shared.domain.errors import AlreadyExists, Unavailable
from paseport_shared.domain.models.authorization import CODE_LIFETIME, AuthorizationCode, HeldCode, Redemption
from paseport_shared.domain.ports.authorization_code_store import AuthorizationCodeStore


def issued() -> AuthorizationCode:
    """A code with a value in every field."""
    return AuthorizationCode(
        id=new_id(),
        secret_hash=secrets.token_bytes(32),
        client_id="client",
        redirect_uri="https://client.example/cb?x=1",
        code_challenge="E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        nonce="ünïcode",
        scope=("openid", "offline_access"),
        audience="https://auth.example.com/userinfo",
        user_id=new_user(),
        user_version=3,
        session_id=new_id(),
        family_id=new_id(),
        auth_time=NOW - SECOND,
        amr=("pwd",),
        expires_at=NOW + CODE_LIFETIME,
    )


class AuthorizationCodeStoreContract:
    """The adapter's file supplies the fixtures ``store`` and ``unreachable``."""

    async def test_a_code_is_found_exactly_as_it_was_stored(self, store: AuthorizationCodeStore) -> None:
        code = issued()
        await store.put(code)

        assert await store.find(code.id) == HeldCode(code, 0)

    async def test_an_id_is_given_once(self, store: AuthorizationCodeStore) -> None:
        code = issued()
        await store.put(code)

        with pytest.raises(AlreadyExists):
            await store.put(code)

    async def test_an_unknown_code_is_gone(self, store: AuthorizationCodeStore) -> None:
        unknown = new_id()

        assert await store.find(unknown) is None
        assert await store.redeem(unknown, new_id()) is Redemption.GONE

    async def test_a_code_is_good_for_one_use_and_a_second_one_is_remembered(
        self, store: AuthorizationCodeStore
    ) -> None:
        """TE-08."""
        code = issued()
        await store.put(code)

        assert await store.redeem(code.id, new_id()) is Redemption.REDEEMED
        assert await store.find(code.id) == HeldCode(code, 1)
        assert await store.redeem(code.id, new_id()) is Redemption.REUSED
        assert await store.find(code.id) == HeldCode(code, 2)
        assert await store.redeem(code.id, new_id()) is Redemption.REUSED

    async def test_of_a_crowd_one_redeems_the_code(self, store: AuthorizationCodeStore) -> None:
        """TE-08."""
        code = issued()
        await store.put(code)

        outcomes = Counter(await crowd(lambda: store.redeem(code.id, new_id()), 100))

        assert outcomes == {Redemption.REDEEMED: 1, Redemption.REUSED: 99}
        assert await store.find(code.id) == HeldCode(code, 100)

    async def test_an_attempt_that_gave_nothing_gives_the_code_back(self, store: AuthorizationCodeStore) -> None:
        """P7."""
        code, attempt = issued(), new_id()
        await store.put(code)
        await store.redeem(code.id, attempt)

        await store.give_back(code.id, attempt)

        assert await store.find(code.id) == HeldCode(code, 0)
        assert await store.redeem(code.id, new_id()) is Redemption.REDEEMED

    async def test_nobody_gives_back_what_others_have_used(self, store: AuthorizationCodeStore) -> None:
        """TE-08: of an attempt that failed nobody knows whether it was the first."""
        code, attempt = issued(), new_id()
        await store.put(code)

        await store.give_back(code.id, attempt)
        await store.redeem(code.id, attempt)
        await store.give_back(code.id, new_id())
        assert await store.redeem(code.id, new_id()) is Redemption.REUSED
        await store.give_back(code.id, attempt)
        await store.give_back(new_id(), attempt)

        assert await store.find(code.id) == HeldCode(code, 2)

    async def test_what_was_given_back_and_used_by_another_is_not_given_back_again(
        self, store: AuthorizationCodeStore
    ) -> None:
        code, attempt = issued(), new_id()
        await store.put(code)
        await store.redeem(code.id, attempt)
        await store.give_back(code.id, attempt)
        await store.redeem(code.id, new_id())

        await store.give_back(code.id, attempt)

        assert await store.find(code.id) == HeldCode(code, 1)

    async def test_what_a_client_was_given_for_a_user_is_listed_used_or_not(
        self, store: AuthorizationCodeStore
    ) -> None:
        code = issued()
        used, others = replace(code, id=new_id()), replace(code, id=new_id(), client_id="other")
        for one in (code, used, others, issued()):
            await store.put(one)
        await store.redeem(used.id, new_id())

        listed = await store.list_for_client(code.user_id, "client")

        assert sorted(listed, key=lambda held: held.uses) == [HeldCode(code, 0), HeldCode(used, 1)]
        assert await store.list_for_client(new_user(), "client") == ()

    async def test_what_was_revoked_is_redeemed_by_nobody(self, store: AuthorizationCodeStore) -> None:
        """TE-15: and nothing of another client or another user is touched."""
        code = issued()
        others = (replace(code, id=new_id(), client_id="other"), replace(code, id=new_id(), user_id=new_user()))
        for one in (code, *others):
            await store.put(one)

        assert await store.revoke_client(code.user_id, "client") == (HeldCode(code, 0),)
        assert await store.revoke_client(code.user_id, "client") == ()

        assert await store.find(code.id) is None
        assert await store.redeem(code.id, new_id()) is Redemption.GONE
        assert await store.list_for_client(code.user_id, "client") == ()
        assert [await store.find(one.id) for one in others] == [HeldCode(one, 0) for one in others]

    async def test_a_code_is_redeemed_or_revoked_unused_never_both(self, store: AuthorizationCodeStore) -> None:
        """TE-15."""
        for _ in range(20):
            code = issued()
            await store.put(code)

            redemption, revoked = await asyncio.gather(
                store.redeem(code.id, new_id()), store.revoke_client(code.user_id, "client")
            )

            assert (redemption, revoked) in (
                (Redemption.REDEEMED, (HeldCode(code, 1),)),
                (Redemption.GONE, (HeldCode(code, 0),)),
            )

    async def test_an_unreachable_store_answers_unavailable(
        self, store: AuthorizationCodeStore, unreachable: Unreachable
    ) -> None:
        code = issued()
        await store.put(code)

        async with unreachable:
            calls = (
                store.put(issued()),
                store.find(code.id),
                store.redeem(code.id, new_id()),
                store.give_back(code.id, new_id()),
                store.list_for_client(code.user_id, "client"),
                store.revoke_client(code.user_id, "client"),
            )
            for call in calls:
                with pytest.raises(Unavailable):
                    await call

        assert await store.find(code.id) == HeldCode(code, 0)
