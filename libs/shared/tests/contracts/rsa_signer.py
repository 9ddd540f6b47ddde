"""What every ``RsaSigner`` promises."""

import json

import pytest
from contracts.support import at_once
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc.jwk import RSAKey
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.rsa_public_key import RsaPublicKey
from paseport_shared.domain.models.signing_key import VerificationKey
from paseport_shared.domain.ports.rsa_signer import RsaSigner


def kid_of(public_key: bytes) -> str:
    """The RFC 7638 thumbprint of a key as it is kept, by somebody else's code."""
    return RSAKey.import_key(json.loads(public_key)).thumbprint()


def check_signature(key: VerificationKey, signature: bytes, message: bytes) -> None:
    """Raise unless it is an RS256 signature of the key."""
    public_key = RSAKey.import_key(json.loads(key.public_key)).public_key
    public_key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())


class RsaSignerContract:
    """The adapter's file supplies the fixtures ``rsa_signer``; ``key``, its version that signs; and
    ``unreachable_signer``, whose backend has no such key or does not answer."""

    @pytest.mark.parametrize("message", [b"", b"a message", bytes(range(256)) * 16])
    async def test_the_issuer_gets_a_signature_that_verifies(
        self, rsa_signer: RsaSigner, key: VerificationKey, message: bytes
    ) -> None:
        """RFC 7518 §3.3: PKCS #1 v1.5 with SHA-256, not PSS."""
        signature = await rsa_signer.sign(message, key_version=key.version)

        assert len(signature) == RsaPublicKey.from_bytes(key.public_key).signature_bytes
        check_signature(key, signature, message)

    async def test_the_issuer_never_gets_a_signature_of_another_version(
        self, rsa_signer: RsaSigner, key: VerificationKey
    ) -> None:
        """KR-02: the version is asked for by number, not "the newest"."""
        for absent in [key.version + 1_000, 0, -1]:
            with pytest.raises(Unavailable):
                await rsa_signer.sign(b"a message", key_version=absent)

    async def test_callers_at_the_same_time_each_get_the_signature_of_their_message(
        self, rsa_signer: RsaSigner, key: VerificationKey
    ) -> None:
        messages = [f"message {number}".encode() for number in range(20)]

        signatures = await at_once([rsa_signer.sign(message, key_version=key.version) for message in messages])

        for message, signature in zip(messages, signatures, strict=True):
            check_signature(key, signature, message)

    async def test_a_signer_that_does_not_answer_is_unavailable(
        self, unreachable_signer: RsaSigner, key: VerificationKey
    ) -> None:
        with pytest.raises(Unavailable):
            await unreachable_signer.sign(b"a message", key_version=key.version)
