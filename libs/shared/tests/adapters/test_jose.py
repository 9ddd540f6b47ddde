"""ID tokens: what is signed, what is recognised when it comes back, what is published."""

import base64
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from contracts.rsa_signer import check_signature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from paseport_shared.adapters.jose.compact import (
    MAX_TOKEN_BYTES,
    MalformedToken,
    assemble,
    header_for,
    parse_id_token,
    signing_input,
)
from paseport_shared.adapters.jose.id_token_reader import JoseIdTokenReader
from paseport_shared.adapters.jose.id_token_signer import JoseIdTokenSigner
from paseport_shared.adapters.jose.jwks_document import JwksDocument
from paseport_shared.adapters.memory.clock import START
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.id_token import IdTokenClaims, IdTokenHint, access_token_hash
from paseport_shared.domain.models.rsa_public_key import RsaPublicKey
from paseport_shared.domain.models.signing_key import KeyAlgorithm, KeyStatus, VerificationKey
from rsa_samples import private_key, public_key

ISSUER = "https://auth.example.com"
CLAIMS = IdTokenClaims(
    issuer=ISSUER,
    subject="018f6f5e-0000-7000-8000-000000000001",
    audience="a-client",
    expires_at=START + timedelta(minutes=5),
    issued_at=START,
    auth_time=START - timedelta(minutes=1),
    authorized_party="a-client",
    at_hash=access_token_hash("v4.public.a-token"),
    amr=("pwd",),
    nonce="n-0S6_WzA2Mj",
    session_id="a session",
    user_claims={"name": "Alice", "email_verified": False, "roles": ("Admin", "User"), "updated_at": 1_700_000_000},
)
HINT = IdTokenHint(
    subject=CLAIMS.subject,
    client_id="a-client",
    issued_at=CLAIMS.issued_at,
    expires_at=CLAIMS.expires_at,
    session_id="a session",
    auth_time=CLAIMS.auth_time,
)


class Keys:
    """Key versions of a test, whose private keys are all at hand: ``SigningKeys``, ``PastKeys`` and ``RsaSigner``."""

    def __init__(self, *statuses: KeyStatus) -> None:
        self.versions = [self.version(number, status) for number, status in enumerate(statuses, start=1)]
        self.outage: Unavailable | None = None
        self.answers_with = 0
        """The version that answers whatever was asked for; 0: the one that was asked for."""
        self.padding: padding.AsymmetricPadding = padding.PKCS1v15()

    @staticmethod
    def version(number: int, status: KeyStatus) -> VerificationKey:
        public = public_key(number)
        return VerificationKey(number, public.kid, public.to_bytes(), status, START, None, KeyAlgorithm.RS256)

    async def active(self) -> VerificationKey:
        for key in self.versions:
            if key.status is KeyStatus.ACTIVE:
                return key
        raise Unavailable

    async def published(self) -> tuple[VerificationKey, ...]:
        if self.outage is not None:
            raise self.outage
        return tuple(key for key in self.versions if key.status is not KeyStatus.RETIRED)

    async def find_past(self, kid: str) -> VerificationKey | None:
        if self.outage is not None:
            raise self.outage
        return next((key for key in self.versions if key.kid == kid and key.status is not KeyStatus.REVOKED), None)

    async def sign(self, message: bytes, *, key_version: int) -> bytes:
        signing = private_key(self.answers_with or key_version)
        return signing.sign(message, self.padding, hashes.SHA256())


@pytest.fixture
def keys() -> Keys:
    return Keys(KeyStatus.ACTIVE, KeyStatus.PUBLISHED)


@pytest.fixture
def signer(keys: Keys) -> JoseIdTokenSigner:
    return JoseIdTokenSigner(keys, keys)


@pytest.fixture
def reader(keys: Keys) -> JoseIdTokenReader:
    return JoseIdTokenReader(keys, issuer=ISSUER)


def encode(data: bytes | dict[str, Any]) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def payload_of(token: str) -> dict[str, Any]:
    segment = token.split(".")[1]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    return decoded


def forge(header: dict[str, Any] | bytes, payload: dict[str, Any] | bytes, number: int = 1) -> str:
    """A token with the genuine signature of a key, whatever it says."""
    signed = f"{encode(header)}.{encode(payload)}"
    signature = private_key(number).sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{encode(signature)}"


def our_header(number: int = 1) -> bytes:
    return header_for(public_key(number).kid)


# --- signing ------------------------------------------------------------------------------------------------------


async def test_a_client_accepts_the_token_with_the_published_keys(keys: Keys, signer: JoseIdTokenSigner) -> None:
    """OIDC Core §3.1.3.7, as libraries of others do it: joserfc finds the key by its id."""
    token = await signer.sign(CLAIMS)

    published = KeySet.import_key_set(json.loads(await JwksDocument(keys).render()))
    read = jwt.decode(token, published, algorithms=["RS256"])
    assert read.header == {"alg": "RS256", "kid": public_key(1).kid, "typ": "JWT"}
    assert read.claims == {
        "iss": ISSUER,
        "sub": CLAIMS.subject,
        "aud": "a-client",
        "azp": "a-client",
        "exp": int(START.timestamp()) + 300,
        "iat": int(START.timestamp()),
        "auth_time": int(START.timestamp()) - 60,
        "nonce": "n-0S6_WzA2Mj",
        "acr": "1",
        "amr": ["pwd"],
        "at_hash": CLAIMS.at_hash,
        "sid": "a session",
        "name": "Alice",
        "email_verified": False,
        "roles": ["Admin", "User"],
        "updated_at": 1_700_000_000,
    }


async def test_the_signature_is_one_that_any_implementation_of_rs256_checks(
    keys: Keys, signer: JoseIdTokenSigner
) -> None:
    """RFC 7518 §3.3, without any JOSE library."""
    signed, _, signature = (await signer.sign(CLAIMS)).rpartition(".")

    check_signature(keys.versions[0], base64.urlsafe_b64decode(signature + "=="), signed.encode())


async def test_what_has_no_value_is_left_out(signer: JoseIdTokenSigner) -> None:
    """OIDC Core §2: a null ``nonce`` would be a nonce. An offline family has no session."""
    token = await signer.sign(replace(CLAIMS, nonce=None, session_id=None, user_claims={}))

    assert payload_of(token).keys() == {
        "iss", "sub", "aud", "azp", "exp", "iat", "auth_time", "acr", "amr", "at_hash",
    }  # fmt: skip


@pytest.mark.parametrize("answers_with", [2, 3])
async def test_a_signature_of_another_version_is_found_before_anybody_has_it(
    keys: Keys, signer: JoseIdTokenSigner, answers_with: int
) -> None:
    """KR-02, KR-06: also of one that is published, or of another Vault under the same name."""
    keys.answers_with = answers_with

    with pytest.raises(Unavailable) as refusal:
        await signer.sign(CLAIMS)

    assert "version 1 gave an ID token that does not verify" in refusal.value.reason


async def test_a_signature_by_pss_is_found_before_anybody_has_it(keys: Keys, signer: JoseIdTokenSigner) -> None:
    """What Transit makes where it is not told otherwise."""
    keys.padding = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)

    with pytest.raises(Unavailable):
        await signer.sign(CLAIMS)


async def test_without_an_active_version_nothing_is_signed() -> None:
    """KR-04."""
    keys = Keys(KeyStatus.REVOKED, KeyStatus.PUBLISHED)

    with pytest.raises(Unavailable):
        await JoseIdTokenSigner(keys, keys).sign(CLAIMS)


async def test_somebody_with_every_role_gets_a_token_that_is_recognised(
    signer: JoseIdTokenSigner, reader: JoseIdTokenReader
) -> None:
    """The size limit is for strangers: 32 roles of 64 characters, and the longest names there are, fit."""
    roles = tuple(f"Role{number:02}{'x' * 58}" for number in range(32))
    longest = {"name": "\u6f22" * 100, "preferred_username": "\u6f22" * 64, "email": "x" * 254, "roles": roles}

    token = await signer.sign(replace(CLAIMS, nonce="n" * 2_000, user_claims=longest))

    assert await reader.read_hint(token) == HINT


# --- recognising --------------------------------------------------------------------------------------------------


async def test_a_hint_says_who_signed_in_where_and_when(signer: JoseIdTokenSigner, reader: JoseIdTokenReader) -> None:
    assert await reader.read_hint(await signer.sign(CLAIMS)) == HINT


async def test_an_expired_token_is_a_hint_all_the_same(signer: JoseIdTokenSigner, reader: JoseIdTokenReader) -> None:
    """AZ-17, OIDC RP-Initiated Logout §2: it is not a credential, and people sign out of what they left open."""
    old = replace(CLAIMS, issued_at=START - timedelta(days=400), expires_at=START - timedelta(days=399))

    hint = await reader.read_hint(await signer.sign(old))

    assert hint is not None
    assert hint.subject == CLAIMS.subject


async def test_a_token_of_an_offline_family_names_no_session(
    signer: JoseIdTokenSigner, reader: JoseIdTokenReader
) -> None:
    hint = await reader.read_hint(await signer.sign(replace(CLAIMS, session_id=None)))

    assert hint == replace(HINT, session_id=None)


@pytest.mark.parametrize("status", KeyStatus)
async def test_a_hint_counts_until_its_key_is_revoked(
    keys: Keys, signer: JoseIdTokenSigner, reader: JoseIdTokenReader, status: KeyStatus
) -> None:
    """AZ-17, KR-04: retired ones too; design §3."""
    token = await signer.sign(CLAIMS)

    keys.versions[0] = Keys.version(1, status)

    assert (await reader.read_hint(token) is None) == (status is KeyStatus.REVOKED)


async def test_a_key_that_nobody_can_be_asked_about_is_no_verdict(
    keys: Keys, signer: JoseIdTokenSigner, reader: JoseIdTokenReader
) -> None:
    token = await signer.sign(CLAIMS)
    keys.outage = Unavailable("the record does not answer")

    with pytest.raises(Unavailable):
        await reader.read_hint(token)


# --- what is not recognised ---------------------------------------------------------------------------------------


def symmetric() -> str:
    """HS256 with the public key as the secret (CVE-2015-9235), under a header that is otherwise ours."""
    public_pem = (
        private_key(1)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    signed = f"{encode(header(alg='HS256'))}.{encode(payload())}"
    return f"{signed}.{encode(hmac.digest(public_pem, signed.encode(), 'sha256'))}"


def payload(**changes: object) -> dict[str, Any]:
    seconds = int(START.timestamp())
    claims = {"iss": ISSUER, "sub": "alice", "aud": "a-client", "azp": "a-client", "iat": seconds, "exp": seconds + 300}
    return {name: value for name, value in (claims | changes).items() if value is not None}


def header(**changes: object) -> dict[str, Any]:
    members = {"alg": "RS256", "kid": public_key(1).kid, "typ": "JWT"}
    return {name: value for name, value in (members | changes).items() if value is not None}


def embedded_key(name: str) -> dict[str, Any]:
    stranger = RSAKey.import_key(private_key(9).public_key()).as_dict(private=False)
    return {"jwk": stranger, "jku": "https://evil.example/jwks.json", "x5u": "https://evil.example/c.pem"}[name]


FORGERIES: dict[str, Callable[[], str]] = {
    "nothing": lambda: "",
    "junk": lambda: "junk",
    "an access token": lambda: "v4.public.AAAA.AAAA",
    "two segments": lambda: ".".join(forge(our_header(), payload()).split(".")[:2]),
    "four segments": lambda: forge(our_header(), payload()) + ".AAAA",
    "no signature": lambda: forge(our_header(), payload()).rpartition(".")[0] + ".",
    "no payload": lambda: forge(our_header(), b""),
    "padding": lambda: forge(our_header(), payload()) + "=",
    "a line break": lambda: forge(our_header(), payload()) + "\n",
    "a space in front": lambda: " " + forge(our_header(), payload()),
    "not ASCII": lambda: forge(our_header(), payload()) + "\u0130",
    "a foreign key under our key id": lambda: forge(our_header(), payload(), 9),
    "a key id of nobody": lambda: forge(our_header(9), payload(), 9),
    "alg none": lambda: f"{encode(header(alg='none'))}.{encode(payload())}.",
    "alg nOnE": lambda: f"{encode(header(alg='nOnE'))}.{encode(payload())}.",
    "HS256 with the public key": symmetric,
    "RS512 in the header": lambda: forge(header(alg="RS512"), payload()),
    "PS256 in the header": lambda: forge(header(alg="PS256"), payload()),
    "no algorithm": lambda: forge(header(alg=None), payload()),
    "no key id": lambda: forge(header(kid=None), payload()),
    "a key id that is a path": lambda: forge(header(kid="../" * 14 + "x"), payload()),
    "another type": lambda: forge(header(typ="logout+jwt"), payload()),
    "no type": lambda: forge(header(typ=None), payload()),
    "members in another order": lambda: forge(dict(reversed(header().items())), payload()),
    "a key in the header": lambda: forge(header(jwk=embedded_key("jwk")), payload(), 9),
    "the address of a key": lambda: forge(header(jku=embedded_key("jku")), payload(), 9),
    "the address of a certificate": lambda: forge(header(x5u=embedded_key("x5u")), payload(), 9),
    "a critical extension": lambda: forge(header(crit=["exp"], exp=1), payload()),
    "an unencoded payload": lambda: forge(header(b64=False, crit=["b64"]), payload()),
    "two algorithms": lambda: forge(our_header().replace(b"{", b'{"alg":"none",'), payload()),
    "another issuer": lambda: forge(our_header(), payload(iss="https://evil.example")),
    "our issuer with a slash": lambda: forge(our_header(), payload(iss=f"{ISSUER}/")),
    "no issuer": lambda: forge(our_header(), payload(iss=None)),
    "no subject": lambda: forge(our_header(), payload(sub=None)),
    "an empty subject": lambda: forge(our_header(), payload(sub="")),
    "a subject that is a number": lambda: forge(our_header(), payload(sub=1)),
    "no audience": lambda: forge(our_header(), payload(aud=None)),
    "several audiences": lambda: forge(our_header(), payload(aud=["a-client", "b-client"])),
    "another authorized party": lambda: forge(our_header(), payload(azp="b-client")),
    "no time": lambda: forge(our_header(), payload(iat=None)),
    "a time that is text": lambda: forge(our_header(), payload(iat="1767225600")),
    "a time after all times": lambda: forge(our_header(), payload(exp=10**30)),
    "a payload that is a list": lambda: forge(our_header(), b"[]"),
    "a payload without end": lambda: forge(our_header(), b"[" * 10_000),
    "a payload that is no JSON": lambda: forge(our_header(), b"\xff"),
    "too long": lambda: forge(our_header(), payload(filler="x" * MAX_TOKEN_BYTES)),
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_what_is_not_an_id_token_of_ours_is_no_hint(reader: JoseIdTokenReader, forgery: str) -> None:
    """AZ-17, TK-18, TK-19, TK-20. Where the key is ours the signature is genuine: the test names what is wrong."""
    assert await reader.read_hint(FORGERIES[forgery]()) is None


async def test_the_forgeries_would_be_hints_without_what_is_wrong_with_them(reader: JoseIdTokenReader) -> None:
    """TK-18."""
    assert await reader.read_hint(forge(our_header(), payload())) is not None


async def test_no_other_spelling_of_a_token_is_recognised(signer: JoseIdTokenSigner, reader: JoseIdTokenReader) -> None:
    """Stray bits after the last byte of each segment: libraries ignore them, and a token would have many spellings."""
    token = await signer.sign(CLAIMS)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    for position in [index for index, character in enumerate(token + ".") if character == "."]:
        last = token[position - 1]
        for stray in range(1, 4):
            other = alphabet[alphabet.index(last) ^ stray]
            assert await reader.read_hint(token[: position - 1] + other + token[position:]) is None


# --- the grammar --------------------------------------------------------------------------------------------------


@given(st.text(max_size=400))
def test_no_text_makes_the_grammar_fail_in_another_way(text: str) -> None:
    with pytest.raises(MalformedToken):
        parse_id_token(text)


@given(st.from_regex(r"[A-Za-z0-9_-]{0,200}\.[A-Za-z0-9_-]{0,200}\.[A-Za-z0-9_-]{0,200}", fullmatch=True))
def test_nothing_of_the_right_shape_is_taken_for_a_token(text: str) -> None:
    with pytest.raises(MalformedToken):
        parse_id_token(text)


@given(payload=st.binary(min_size=1, max_size=500), signature=st.binary(min_size=1, max_size=512))
def test_what_is_put_together_comes_apart_again(payload: bytes, signature: bytes) -> None:
    kid = public_key(1).kid
    token = assemble(signing_input(kid, payload), signature)

    parsed = parse_id_token(token)

    assert (parsed.kid, parsed.payload) == (kid, payload)
    assert token == f"{encode(header_for(kid))}.{encode(payload)}.{encode(signature)}"


@given(
    payload=st.binary(min_size=1, max_size=60),
    position=st.integers(min_value=0),
    character=st.characters(codec="utf-8"),
)
def test_a_token_with_one_character_changed_is_another_or_none(payload: bytes, position: int, character: str) -> None:
    token = assemble(signing_input(public_key(1).kid, payload), b"s" * 256)
    position %= len(token)
    changed = token[:position] + character + token[position + 1 :]

    try:
        parsed = parse_id_token(changed)
    except MalformedToken:
        return
    assert (changed == token) == (
        (parsed.kid, parsed.payload, changed.rpartition(".")[2])
        == (public_key(1).kid, payload, token.rpartition(".")[2])
    )


def test_text_that_is_too_long_is_not_looked_at() -> None:
    """A megabyte of something is refused before it is decoded."""
    begun = time.perf_counter()
    for _ in range(1_000):
        with pytest.raises(MalformedToken):
            parse_id_token("A" * 1_000_000)

    assert time.perf_counter() - begun < 5


# --- the key set --------------------------------------------------------------------------------------------------


async def test_the_key_set_names_what_checks_tokens_now_or_will(keys: Keys) -> None:
    """KR-07: the next key before it signs, the last one until its tokens are over; neither retired nor revoked ones."""
    document = json.loads(
        await JwksDocument(
            Keys(KeyStatus.RETIRED, KeyStatus.REVOKED, KeyStatus.RETIRING, KeyStatus.ACTIVE, KeyStatus.PUBLISHED)
        ).render()
    )

    assert document.keys() == {"keys"}
    assert [key["kid"] for key in document["keys"]] == [public_key(number).kid for number in (3, 4, 5)]


async def test_the_key_set_has_public_members_alone(keys: Keys) -> None:
    """TE-24: no ``d``, ``p``, ``q``, ``dp``, ``dq``, ``qi``, ``k``; ids are thumbprints and so unique."""
    document = json.loads(await JwksDocument(keys).render())

    for key, number in zip(document["keys"], (1, 2), strict=True):
        assert key.keys() == {"kty", "use", "alg", "kid", "n", "e"}
        assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")
        imported = RSAKey.import_key(key)
        assert imported.thumbprint() == key["kid"]
        assert imported.public_key.public_numbers() == private_key(number).public_key().public_numbers()


async def test_the_key_set_is_served_while_the_keys_cannot_be_read(keys: Keys) -> None:
    """TE-24, KR-08: the last one known; without one, nothing rather than an empty set."""
    document = JwksDocument(keys)
    before = await document.render()
    keys.outage = Unavailable("the record does not answer")

    assert await document.render() == before
    with pytest.raises(Unavailable):
        await JwksDocument(keys).render()


async def test_the_key_set_follows_each_change_of_a_state(keys: Keys) -> None:
    """KR-04, KR-07: what was written before is not served again."""
    document = JwksDocument(keys)
    before = json.loads(await document.render())

    keys.versions[0] = Keys.version(1, KeyStatus.REVOKED)
    after = json.loads(await document.render())

    assert [key["kid"] for key in before["keys"]] == [public_key(1).kid, public_key(2).kid]
    assert [key["kid"] for key in after["keys"]] == [public_key(2).kid]


async def test_an_installation_whose_keys_are_all_revoked_publishes_none() -> None:
    """KR-04."""
    assert json.loads(await JwksDocument(Keys(KeyStatus.REVOKED)).render()) == {"keys": []}


# --- public keys --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_a_key_is_kept_in_the_form_that_names_it(bits: int) -> None:
    """RFC 7638 §3."""
    numbers = private_key(1, bits).public_key().public_numbers()
    key = RsaPublicKey.of(numbers.n, numbers.e)

    assert RsaPublicKey.from_bytes(key.to_bytes()) == key
    assert key.kid == RSAKey.import_key(private_key(1, bits).public_key()).thumbprint()
    assert key.signature_bytes == bits // 8
    assert len(key.to_bytes()) <= 1024


def test_a_key_has_one_form_and_a_strong_one() -> None:
    key = public_key(1)
    encoded = key.to_bytes()

    for other in (
        b"",
        encoded + b"\n",
        encoded.replace(b":", b": "),
        encoded.replace(b"AQAB", b"Aw"),
        encoded.replace(b'"n":"', b'"n":"AAAA'),
        encoded.replace(b"RSA", b"EC"),
        bytes(32),
    ):
        with pytest.raises(ValueError, match="RSA"):
            RsaPublicKey.from_bytes(other)
    for modulus in (0, -key.modulus, key.modulus - 1, key.modulus >> 1 | 1, key.modulus << 2100 | 1):
        with pytest.raises(ValueError, match="modulus"):
            RsaPublicKey(modulus)
    with pytest.raises(ValueError, match="exponent"):
        RsaPublicKey.of(key.modulus, 3)


def test_keys_of_one_kind_are_not_taken_for_those_of_the_other(tmp_path: Path) -> None:
    """The access-token side has 32 bytes and nothing else."""
    for public, algorithm in (
        (public_key(1).to_bytes(), KeyAlgorithm.ED25519),
        (bytes(31), KeyAlgorithm.ED25519),
        (bytes(32), KeyAlgorithm.RS256),
    ):
        with pytest.raises(ValueError, match="key"):
            VerificationKey(1, "a kid", public, KeyStatus.ACTIVE, START, None, algorithm)
