"""What every ``RawSigner`` promises."""

import pytest
from contracts.support import at_once
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.signing_key import VerificationKey
from paseport_shared.domain.ports.raw_signer import RawSigner


class RawSignerContract:
    """The adapter's file supplies the fixtures ``signer``; ``key``, its version that signs; and ``unreachable_signer``,
    whose backend has no such key or does not answer."""

    @pytest.mark.parametrize("message", [b"", b"a message", bytes(range(256)) * 16])
    async def test_the_issuer_gets_a_signature_that_verifies(
        self, signer: RawSigner, key: VerificationKey, message: bytes
    ) -> None:
        """RFC 8032 §5.1.6: pure Ed25519, no prehash, no context."""
        signature = await signer.sign(message, key_version=key.version)

        assert len(signature) == 64
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, message)

    async def test_the_issuer_never_gets_a_signature_of_another_version(
        self, signer: RawSigner, key: VerificationKey
    ) -> None:
        """KR-02: the version is asked for by number, not "the newest"."""
        for absent in [key.version + 1_000, 0, -1]:
            with pytest.raises(Unavailable):
                await signer.sign(b"a message", key_version=absent)

    async def test_callers_at_the_same_time_each_get_the_signature_of_their_message(
        self, signer: RawSigner, key: VerificationKey
    ) -> None:
        messages = [f"message {number}".encode() for number in range(20)]

        signatures = await at_once([signer.sign(message, key_version=key.version) for message in messages])

        for message, signature in zip(messages, signatures, strict=True):
            Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, message)

    async def test_a_signer_that_does_not_answer_is_unavailable(
        self, unreachable_signer: RawSigner, key: VerificationKey
    ) -> None:
        with pytest.raises(Unavailable):
            await unreachable_signer.sign(b"a message", key_version=key.version)
