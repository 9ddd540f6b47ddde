"""What every ``ProviderRepository`` promises."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from contracts.provider_samples import a_full_provider, a_provider
from contracts.record_samples import Cut, an_id
from paseport_shared.domain.errors import AlreadyExists, NotFound, PreconditionFailed, Unavailable
from paseport_shared.domain.models.identity_provider import (
    ApiAccess,
    ClaimMapping,
    IdentityProvider,
    OAuth2Endpoints,
    ProviderKind,
)
from paseport_shared.domain.ports.record import Record, RecordTransaction

A_SECOND = timedelta(seconds=1)


class ProviderRepositoryContract:
    """An adapter's test supplies the fixtures ``record``, empty, and ``cut``, which takes its database away."""

    @pytest.mark.parametrize(
        "provider",
        [
            a_provider(),
            a_full_provider(),
            a_provider(claims=ClaimMapping(subject=("sub",), groups="groups")),
            a_provider(api_access=ApiAccess(audiences=("keys",)), refresh_seconds=60),
            a_provider(
                kind=ProviderKind.OAUTH2,
                issuer=None,
                endpoints=OAuth2Endpoints(
                    authorization="https://a.test", token="https://t.test", user="https://u.test"
                ),
                scopes=(),
            ),
        ],
    )
    async def test_a_provider_comes_back_as_stored(self, record: Record, provider: IdentityProvider) -> None:
        await add(record, provider)

        assert await get(record, provider) == provider
        assert await find(record, provider.name) == provider
        assert await listed(record) == (provider,)

    async def test_a_provider_who_does_not_exist_is_not_found(self, record: Record) -> None:
        with pytest.raises(NotFound):
            await get(record, a_provider())

        assert await find(record, a_provider().name) is None
        assert await listed(record) == ()

    @pytest.mark.parametrize("name", ["Staff", "staff ", "stäff", "", "s" * 33, "s" * 100_000, "\x00", chr(0xD800)])
    async def test_any_text_may_be_asked_for_and_a_name_is_equal_only_to_itself(
        self, record: Record, name: str
    ) -> None:
        """The name comes out of an address that anybody can write."""
        await add(record, a_provider(name="staff"))

        assert await find(record, name) is None

    async def test_all_are_listed_by_position_then_by_name_disabled_ones_too(self, record: Record) -> None:
        last = a_provider(1, name="a", position=2)
        second = a_provider(2, name="c", position=1, enabled=False)
        first = a_provider(3, name="b-2", position=1)
        await add(record, last, second, first)

        assert await listed(record) == (first, second, last)

    async def test_a_name_is_taken_once(self, record: Record) -> None:
        """AD-09."""
        await add(record, a_provider(1, name="staff"))

        with pytest.raises(AlreadyExists) as refusal:
            await add(record, a_provider(2, name="staff"))

        assert refusal.value.field == "name"
        assert [provider.id for provider in await listed(record)] == [an_id(1)]

    async def test_of_two_who_take_a_name_at_once_one_gets_it(self, record: Record) -> None:
        """AD-09."""
        outcomes = await asyncio.gather(
            *(add(record, a_provider(number, name="staff")) for number in (1, 2)), return_exceptions=True
        )

        (refusal,) = (outcome for outcome in outcomes if outcome is not None)
        assert isinstance(refusal, AlreadyExists)
        assert refusal.field == "name"
        assert len(await listed(record)) == 1

    async def test_a_change_takes_the_place_of_what_was_stored(self, record: Record) -> None:
        await add(record, a_provider(), a_provider(103))
        change = a_full_provider(101, name=a_provider().name, revision=2)

        await update(record, change, expected_revision=1)

        assert await get(record, change) == change
        assert await get(record, a_provider(103)) == a_provider(103)

    async def test_a_name_stays_whatever_a_change_says(self, record: Record) -> None:
        """It stands in addresses that the provider was told."""
        await add(record, a_provider(name="staff"))

        await update(record, a_provider(name="other", revision=2), expected_revision=1)

        assert await find(record, "other") is None
        assert await find(record, "staff") == a_provider(name="staff", revision=2)

    @pytest.mark.parametrize("expected", [0, 2, -1, 2**63, 2**70])
    async def test_a_change_of_what_somebody_else_changed_is_refused(self, record: Record, expected: int) -> None:
        await add(record, a_provider())

        with pytest.raises(PreconditionFailed):
            await update(record, a_provider(enabled=False, revision=3), expected_revision=expected)

        assert await get(record, a_provider()) == a_provider()

    async def test_of_two_who_change_a_provider_at_once_one_does(self, record: Record) -> None:
        await add(record, a_provider())
        change = a_provider(revision=2, updated_at=a_provider().updated_at + A_SECOND)

        outcomes = await asyncio.gather(
            *(update(record, replace(change, position=position), expected_revision=1) for position in (1, 2)),
            return_exceptions=True,
        )

        (refusal,) = (outcome for outcome in outcomes if outcome is not None)
        assert isinstance(refusal, PreconditionFailed)
        assert (await get(record, change)).revision == 2

    async def test_what_does_not_exist_cannot_be_changed(self, record: Record) -> None:
        with pytest.raises(NotFound):
            await update(record, a_provider(revision=2), expected_revision=1)

    async def test_an_unreachable_record_answers_unavailable_and_never_that_there_is_no_provider(
        self, record: Record, cut: Cut
    ) -> None:
        await add(record, a_provider())

        async with cut():
            for call in (
                lambda: add(record, a_provider(103)),
                lambda: get(record, a_provider()),
                lambda: find(record, a_provider().name),
                lambda: listed(record),
                lambda: update(record, a_provider(revision=2), expected_revision=1),
            ):
                with pytest.raises(Unavailable):
                    await call()

        assert await listed(record) == (a_provider(),)


async def add(record: Record, *providers: IdentityProvider) -> None:
    async def work(transaction: RecordTransaction) -> None:
        for provider in providers:
            await transaction.providers.add(provider)

    await record.transact(work)


async def get(record: Record, provider: IdentityProvider) -> IdentityProvider:
    return await record.transact(lambda transaction: transaction.providers.get(provider.id))


async def find(record: Record, name: str) -> IdentityProvider | None:
    return await record.transact(lambda transaction: transaction.providers.find_by_name(name))


async def listed(record: Record) -> tuple[IdentityProvider, ...]:
    return await record.transact(lambda transaction: transaction.providers.list_all())


async def update(record: Record, provider: IdentityProvider, *, expected_revision: int) -> None:
    async def work(transaction: RecordTransaction) -> None:
        await transaction.providers.update(provider, expected_revision=expected_revision)

    await record.transact(work)
