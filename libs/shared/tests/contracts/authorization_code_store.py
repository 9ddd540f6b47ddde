"""What every store of authorization codes promises."""

import secrets
from collections import Counter

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
        assert await store.redeem(unknown) is Redemption.GONE

    async def test_a_code_is_good_for_one_use_and_a_second_one_is_remembered(
        self, store: AuthorizationCodeStore
    ) -> None:
        """TE-08."""
        code = issued()
        await store.put(code)

        assert await store.redeem(code.id) is Redemption.REDEEMED
        assert await store.find(code.id) == HeldCode(code, 1)
        assert await store.redeem(code.id) is Redemption.REUSED
        assert await store.find(code.id) == HeldCode(code, 2)
        assert await store.redeem(code.id) is Redemption.REUSED

    async def test_of_a_crowd_one_redeems_the_code(self, store: AuthorizationCodeStore) -> None:
        """TE-08."""
        code = issued()
        await store.put(code)

        outcomes = Counter(await crowd(lambda: store.redeem(code.id), 100))

        assert outcomes == {Redemption.REDEEMED: 1, Redemption.REUSED: 99}
        assert await store.find(code.id) == HeldCode(code, 100)

    async def test_an_unreachable_store_answers_unavailable(
        self, store: AuthorizationCodeStore, unreachable: Unreachable
    ) -> None:
        code = issued()
        await store.put(code)

        async with unreachable:
            calls = (store.put(issued()), store.find(code.id), store.redeem(code.id))
            for call in calls:
                with pytest.raises(Unavailable):
                    await call

        assert await store.find(code.id) == HeldCode(code, 0)
