"""The official PASETO v4 and PASERK vectors, on the signature layer below the gate (promise P1)."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paseport import InvalidToken, base64url
from paseport.grammar import ParsedToken, parse_token
from paseport.paserk import decode_public_key, encode_public_key, public_key_id
from paseport.v4_public import assemble, signing_input, verify_parsed, verify_signature

VECTORS = Path(__file__).parent / "vectors"
Vector = dict[str, Any]


def read(name: str) -> list[Vector]:
    tests: list[Vector] = json.loads((VECTORS / name).read_text())["tests"]
    return tests


V4 = read("v4.json")
PUBLIC = [vector for vector in V4 if vector["name"].startswith("4-S-")]
LOCAL = [vector for vector in V4 if vector["name"].startswith("4-E-")]
FAILING = [vector for vector in V4 if vector["name"].startswith("4-F-")]
K4_PUBLIC = read("PASERK/k4.public.json")
K4_PID = read("PASERK/k4.pid.json")


def by_name(vector: Vector) -> str:
    return str(vector["name"])


def parsed_below_the_gate(token: str) -> ParsedToken:
    """Take a vector's token apart without the gate, whose footer rule the vectors do not know."""
    segments = token.split(".")
    payload = base64url.decode(segments[2])
    footer = base64url.decode(segments[3]) if len(segments) == 4 else b""
    return ParsedToken(message=payload[:-64], signature=payload[-64:], footer=footer, kid="")


def test_every_vector_belongs_to_one_of_the_groups() -> None:
    assert len(PUBLIC) == 3
    assert len(LOCAL) == 10
    assert len(FAILING) == 5
    assert len(PUBLIC) + len(LOCAL) + len(FAILING) == len(V4)


@pytest.mark.parametrize("vector", PUBLIC, ids=by_name)
def test_a_public_vector_verifies_through_pyseto(vector: Vector) -> None:
    message = verify_signature(
        vector["token"],
        bytes.fromhex(vector["public-key"]),
        implicit_assertion=vector["implicit-assertion"].encode(),
        footer=vector["footer"].encode(),
    )

    assert message == vector["payload"].encode()


@pytest.mark.parametrize("vector", PUBLIC, ids=by_name)
def test_a_public_vector_verifies_on_the_path_of_every_request(vector: Vector) -> None:
    message = verify_parsed(
        parsed_below_the_gate(vector["token"]),
        bytes.fromhex(vector["public-key"]),
        vector["implicit-assertion"].encode(),
    )

    assert message == vector["payload"].encode()


@pytest.mark.parametrize("vector", PUBLIC, ids=by_name)
def test_signing_a_public_vector_gives_the_published_token(vector: Vector) -> None:
    signing_key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(vector["secret-key-seed"]))
    message, footer = vector["payload"].encode(), vector["footer"].encode()

    signature = signing_key.sign(signing_input(message, footer, vector["implicit-assertion"].encode()))

    assert assemble(message, signature, footer) == vector["token"]


@pytest.mark.parametrize("vector", PUBLIC, ids=by_name)
def test_a_public_vector_does_not_verify_with_another_implicit_assertion_or_footer(vector: Vector) -> None:
    public_key = bytes.fromhex(vector["public-key"])
    assertion = vector["implicit-assertion"].encode()

    with pytest.raises(InvalidToken):
        verify_signature(vector["token"], public_key, assertion + b"!")
    with pytest.raises(InvalidToken):
        verify_signature(vector["token"], public_key, assertion, footer=b"another footer")
    with pytest.raises(InvalidToken):
        verify_parsed(parsed_below_the_gate(vector["token"]), public_key, assertion + b"!")


@pytest.mark.parametrize("vector", LOCAL, ids=by_name)
def test_a_local_vector_is_refused(vector: Vector) -> None:
    """TK-03: purpose `local` is never a signed token, not even where its key is offered as a public key."""
    with pytest.raises(InvalidToken):
        verify_signature(
            vector["token"], bytes.fromhex(vector["key"]), implicit_assertion=vector["implicit-assertion"].encode()
        )
    with pytest.raises(InvalidToken):
        parse_token(vector["token"])


@pytest.mark.parametrize("vector", FAILING, ids=by_name)
def test_a_vector_that_must_fail_fails(vector: Vector) -> None:
    assert vector["expect-fail"] is True
    key = bytes.fromhex(vector.get("public-key") or vector["key"])

    with pytest.raises(InvalidToken):
        verify_signature(vector["token"], key, implicit_assertion=vector["implicit-assertion"].encode())
    with pytest.raises(InvalidToken):
        parse_token(vector["token"])


@pytest.mark.parametrize("vector", K4_PUBLIC, ids=by_name)
def test_a_k4_public_vector(vector: Vector) -> None:
    key = bytes.fromhex(vector["key"])

    if vector["expect-fail"]:
        with pytest.raises(ValueError, match="32 bytes"):
            encode_public_key(key)
    else:
        assert encode_public_key(key) == vector["paserk"]
        assert decode_public_key(vector["paserk"]) == key


@pytest.mark.parametrize("vector", K4_PID, ids=by_name)
def test_a_k4_pid_vector(vector: Vector) -> None:
    key = bytes.fromhex(vector["key"])

    if vector["expect-fail"]:
        with pytest.raises(ValueError, match="32 bytes"):
            public_key_id(key)
    else:
        assert public_key_id(key) == vector["paserk"]


@pytest.mark.parametrize(
    "paserk",
    [
        "",
        "k4.public.",
        "k4.secret.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8",
        "k3.public.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8",
        "K4.public.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8",
        "k4.public.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8=",
        "k4.public.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo9",
        "k4.public.cHFyc3R1dnd4eXp7fH1+f4CBgoOEhYaHiImKi4yNjo8",
        "k4.public.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo",
        "k4.public.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8\n",
        "k4.public.ｃHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8",
    ],
)
def test_a_paserk_in_any_other_spelling_is_refused(paserk: str) -> None:
    with pytest.raises(ValueError, match=r"not a k4\.public key|not canonical|32 bytes"):
        decode_public_key(paserk)


def test_a_public_key_of_another_length_is_the_callers_mistake_and_not_a_verdict_on_the_token() -> None:
    token = PUBLIC[0]["token"]

    with pytest.raises(ValueError, match="Failed to load key"):
        verify_signature(token, b"short")
    with pytest.raises(ValueError, match="32 bytes"):
        verify_parsed(parsed_below_the_gate(token), b"short")
