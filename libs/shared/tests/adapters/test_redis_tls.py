"""TLS: whose certificate is accepted."""

import ipaddress
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from paseport.redis.access import RedisAccess
from paseport.redis.settings import Address, RedisSettings
from paseport_shared.domain.errors import Unavailable
from paseport_testkit.harness.ports import free_port
from paseport_testkit.harness.redis import RedisNode
from redis_support import node_settings

CertificateKey = ec.EllipticCurvePrivateKey


def certificate(
    name: str, key: CertificateKey, issuer: str, issuer_key: CertificateKey, *, address: str | None = None
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=address is None, path_length=None), critical=True)
    )
    if address is not None:
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def written(path: Path, *parts: x509.Certificate | CertificateKey) -> Path:
    pem = serialization.Encoding.PEM
    path.write_bytes(
        b"".join(
            part.public_bytes(pem)
            if isinstance(part, x509.Certificate)
            else part.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            for part in parts
        )
    )
    return path


class TlsNode:
    """A Redis node that speaks TLS beside plain text, with a certificate for ``certified``."""

    def __init__(self, folder: Path, certified: str) -> None:
        authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        authority = certificate("Test CA", authority_key, "Test CA", authority_key)
        own = certificate("redis", key, "Test CA", authority_key, address=certified)
        self.ca_file = written(folder / "ca.pem", authority)
        self.port = free_port()
        self.node = RedisNode(
            folder / "node",
            options=[
                f"tls-port {self.port}",
                f"tls-cert-file {written(folder / 'cert.pem', own)}",
                f"tls-key-file {written(folder / 'key.pem', key)}",
                f"tls-ca-cert-file {self.ca_file}",
                "tls-auth-clients no",
            ],
        )

    @property
    def settings(self) -> RedisSettings:
        plain = replace(node_settings(self.node), deadline_seconds=2.0)
        return replace(plain, node=Address(self.node.host, self.port), tls=True, tls_ca_file=str(self.ca_file))


@pytest.fixture(scope="module", params=["127.0.0.1", "192.0.2.1"], ids=["its-own-address", "another-address"])
def tls_node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsNode]:
    tls_node = TlsNode(tmp_path_factory.mktemp("redis-tls"), request.param)
    with tls_node.node:
        yield tls_node


async def answers(settings: RedisSettings) -> bool:
    async with RedisAccess(settings) as access:
        try:
            await access.ping()
        except Unavailable:
            return False
    return True


@pytest.mark.parametrize("tls_node", ["127.0.0.1"], indirect=True)
async def test_a_node_whose_certificate_the_named_authority_signed_is_spoken_to(tls_node: TlsNode) -> None:
    assert await answers(tls_node.settings)


@pytest.mark.parametrize("tls_node", ["127.0.0.1"], indirect=True)
async def test_a_certificate_of_an_unknown_authority_is_refused(tls_node: TlsNode) -> None:
    assert not await answers(replace(tls_node.settings, tls_ca_file=None))


@pytest.mark.parametrize("tls_node", ["192.0.2.1"], indirect=True)
async def test_a_certificate_for_another_address_is_refused(tls_node: TlsNode) -> None:
    assert not await answers(tls_node.settings)


@pytest.mark.parametrize("tls_node", ["192.0.2.1"], indirect=True)
async def test_who_asks_for_no_checks_gets_none(tls_node: TlsNode) -> None:
    """``REDIS_TLS_SKIP_VERIFY``."""
    assert await answers(replace(tls_node.settings, tls_ca_file=None, tls_skip_verify=True))


@pytest.mark.parametrize("tls_node", ["127.0.0.1"], indirect=True)
async def test_a_node_that_speaks_plain_text_is_not_spoken_to_where_tls_was_asked_for(tls_node: TlsNode) -> None:
    assert not await answers(replace(tls_node.settings, node=Address(*tls_node.node.address)))
