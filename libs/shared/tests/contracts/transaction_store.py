"""What every transaction store promises."""

import secrets
from dataclasses import replace
from datetime import timedelta

import pytest
from contracts.support import NOW, SECOND, Unreachable, new_id, new_user
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.authorization import (
    AuthorizationRequest,
    AuthorizationTransaction,
    Prompt,
    ResponseMode,
)
from paseport_shared.domain.ports.transaction_store import TransactionStore

LIFETIME = timedelta(minutes=30)


def waiting() -> AuthorizationTransaction:
    """A transaction with a value in every field."""
    request = AuthorizationRequest(
        client_id="client",
        redirect_uri="https://client.example/cb?x=1",
        scope=("openid", "email"),
        audience="https://auth.example.com/userinfo",
        state='"><ünïcode',
        nonce="n-0S6_WzA2Mj",
        code_challenge="E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        response_mode=ResponseMode.FORM_POST,
        prompt=frozenset({Prompt.LOGIN, Prompt.CONSENT}),
        max_age=0,
        login_hint="alice@example.com",
        hinted_subject=str(new_user()),
    )
    return AuthorizationTransaction(
        new_id(), secrets.token_bytes(32), request, NOW, NOW + LIFETIME, new_user(), denied=True
    )


class TransactionStoreContract:
    """The adapter's file supplies the fixtures ``store`` and ``unreachable``."""

    async def test_a_transaction_is_found_exactly_as_it_was_stored(self, store: TransactionStore) -> None:
        transaction = waiting()
        await store.put(transaction)

        assert await store.find(transaction.id, NOW) == transaction

    async def test_a_request_with_nothing_optional_is_kept_as_such(self, store: TransactionStore) -> None:
        request = AuthorizationRequest("client", "https://client.example/cb", (), "https://api.example.com")
        bare = AuthorizationTransaction(new_id(), b"\x00" * 32, request, NOW, NOW + LIFETIME)
        await store.put(bare)

        assert await store.find(bare.id, NOW) == bare

    async def test_an_unknown_id_finds_nothing(self, store: TransactionStore) -> None:
        assert await store.find(new_id(), NOW) is None

    async def test_a_transaction_ends_with_its_time(self, store: TransactionStore) -> None:
        transaction = waiting()
        await store.put(transaction)

        assert await store.find(transaction.id, NOW + LIFETIME - SECOND) is not None
        assert await store.find(transaction.id, NOW + LIFETIME) is None

    async def test_what_somebody_agreed_to_takes_the_place_of_what_was_stored(self, store: TransactionStore) -> None:
        transaction = replace(waiting(), consented_by=None)
        await store.put(transaction)
        agreed = replace(transaction, consented_by=new_user())
        await store.put(agreed)

        assert await store.find(transaction.id, NOW) == agreed

    async def test_an_unreachable_store_answers_unavailable(
        self, store: TransactionStore, unreachable: Unreachable
    ) -> None:
        transaction = waiting()
        await store.put(transaction)

        async with unreachable:
            for call in (store.put(waiting()), store.find(transaction.id, NOW)):
                with pytest.raises(Unavailable):
                    await call

        assert await store.find(transaction.id, NOW) == transaction
