"""What every ``DataCipher`` promises."""

import pytest
from contracts.support import Unreachable, at_once
from paseport.secret import Secret
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.ports.data_cipher import DataCipher

PLAIN = Secret("GOCSPX-a client secret")
PURPOSE = "identity provider"
OWNER = "01890a5d-ac96-774b-bcce-b302099a8057"


async def seal(cipher: DataCipher, plain: Secret[str] = PLAIN) -> str:
    return await cipher.seal(plain, purpose=PURPOSE, owner=OWNER)


async def open_(cipher: DataCipher, sealed: str) -> Secret[str]:
    return await cipher.open(sealed, purpose=PURPOSE, owner=OWNER)


class DataCipherContract:
    """The adapter's file supplies the fixtures ``cipher``, and ``stranger``, who has another key."""

    @pytest.mark.parametrize("plain", ["s", "", "ünï 😀 \x00\n", "s" * 4_000, "€" * 4_000])
    async def test_what_was_sealed_is_read_again(self, cipher: DataCipher, plain: str) -> None:
        sealed = await seal(cipher, Secret(plain))

        assert (await open_(cipher, sealed)).reveal() == plain
        assert len(sealed) <= 4 * len(plain.encode()) + 200
        assert sealed.isascii()
        assert sealed.isprintable()

    async def test_a_sealed_text_shows_nothing_of_the_secret_and_is_never_the_same(self, cipher: DataCipher) -> None:
        sealed = [await seal(cipher) for _ in range(3)]

        assert len(set(sealed)) == 3
        assert not any(PLAIN.reveal() in text for text in sealed)

    @pytest.mark.parametrize(
        ("purpose", "owner"),
        [
            (PURPOSE, OWNER[:-1] + "8"),
            (PURPOSE, ""),
            ("second factor", OWNER),
            (OWNER, PURPOSE),
            (PURPOSE + OWNER[0], OWNER[1:]),
            (PURPOSE[:-1], PURPOSE[-1] + OWNER),
            (PURPOSE + OWNER, ""),
            ("", PURPOSE + OWNER),
        ],
    )
    async def test_a_secret_that_was_moved_to_another_row_is_not_opened(
        self, cipher: DataCipher, purpose: str, owner: str
    ) -> None:
        """Whoever may write to the record makes no provider use another's secret."""
        sealed = await seal(cipher)

        with pytest.raises(Unavailable):
            await cipher.open(sealed, purpose=purpose, owner=owner)

        assert await open_(cipher, sealed) == PLAIN

    async def test_a_changed_text_is_not_opened_whichever_character_is_another(self, cipher: DataCipher) -> None:
        sealed = await seal(cipher)

        for position, character in enumerate(sealed):
            other = "A" if character != "A" else "B"
            with pytest.raises(Unavailable):
                await open_(cipher, sealed[:position] + other + sealed[position + 1 :])

        assert await open_(cipher, sealed) == PLAIN

    async def test_no_other_spelling_of_a_sealed_text_is_opened(self, cipher: DataCipher) -> None:
        sealed = await seal(cipher)

        for spelling in (
            "",
            PLAIN.reveal(),
            sealed[1:],
            sealed[:-1],
            sealed[:20],
            f"{sealed}\n",
            f"{sealed}=",
            f" {sealed}",
            f"{sealed}{sealed}",
            sealed.upper(),
            chr(0xD800),
            "é" * 100,
        ):
            with pytest.raises(Unavailable):
                await open_(cipher, spelling)

    async def test_what_was_sealed_under_a_key_that_is_not_there_is_not_opened(
        self, cipher: DataCipher, stranger: DataCipher
    ) -> None:
        with pytest.raises(Unavailable):
            await open_(cipher, await seal(stranger))
        with pytest.raises(Unavailable):
            await open_(stranger, await seal(cipher))

    async def test_text_that_cannot_be_encoded_is_the_callers_mistake_and_not_repeated(
        self, cipher: DataCipher
    ) -> None:
        with pytest.raises(ValueError, match="surrogates") as refusal:
            await seal(cipher, Secret(f"the secret {chr(0xD800)}"))

        assert "the secret" not in repr(refusal.value)
        assert refusal.value.__cause__ is None
        assert refusal.value.__suppress_context__

    async def test_callers_at_the_same_time_each_get_their_own(self, cipher: DataCipher) -> None:
        plain = [Secret(f"secret {number}") for number in range(20)]

        sealed = await at_once([seal(cipher, one) for one in plain])

        assert await at_once([open_(cipher, text) for text in sealed]) == plain


class RemoteDataCipherContract(DataCipherContract):
    """Of a cipher whose key is elsewhere; inside ``unreachable`` it does not answer."""

    async def test_a_key_that_does_not_answer_is_unavailable(
        self, cipher: DataCipher, unreachable: Unreachable
    ) -> None:
        sealed = await seal(cipher)

        async with unreachable:
            with pytest.raises(Unavailable):
                await seal(cipher)
            with pytest.raises(Unavailable):
                await open_(cipher, sealed)

        assert await open_(cipher, sealed) == PLAIN
