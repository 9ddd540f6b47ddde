"""Check what can be checked of docker/ without an engine.

The compose file fits its schema and everything that it refers to exists; every part is confined, and the api can reach
neither the database nor the keys; the Dockerfile passes hadolint; the images get every package that runs and no other;
the example of the environment names every variable, and each service is given those that it reads.

``--write`` writes the list of packages first.
"""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Final

import msgspec
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from paseport_shared.settings import variables
from ruamel.yaml import YAML

ROOT: Final = Path(__file__).resolve().parent.parent
DOCKER: Final = ROOT / "docker"
COMPOSE: Final = DOCKER / "docker-compose.yml"
EXAMPLE: Final = DOCKER / ".env.example"
PACKAGES: Final = DOCKER / "runtime-packages.txt"
BIN: Final = ROOT / ".venv" / "bin"

# Who may be on which network. What is not listed here is a mistake until somebody writes down why it is not.
MEMBERS: Final = {
    "public-net": {"edge"},
    "edge-net": {"edge", "issuer", "api"},
    "issuer-net": {"issuer", "api"},
    "redis-net": {"redis-1", "redis-2", "redis-3", "sentinel-1", "sentinel-2", "sentinel-3", "issuer", "api"},
    "mariadb-net": {"mariadb", "issuer", "migrate"},
    "vault-net": {"vault", "vault-trial", "issuer"},
    "idp-net": {"issuer", "rauthy"},
}
# They publish ports or reach identity providers; every other network leads nowhere.
NOT_INTERNAL: Final = {"public-net", "idp-net"}

# Whose settings a container reads.
SETTINGS: Final = {"issuer": "paseport_issuer.settings", "api": "paseport_api.settings"}
EMBEDDED: Final = "paseport_standalone.settings"
# Read beside the settings: where the embedded mode finds its folders.
EMBEDDED_ALONE: Final = {"PASEPORT_DATA_DIR", "PASEPORT_APP_DIR"}

OWN_PACKAGES: Final = ("paseport-issuer", "paseport-api", "paseport-standalone")
# The image's Python is newer than the oldest that the packages support; the list serves both.
PYTHONS: Final = ("3.11.0", "3.13.0")
LINUX: Final = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
PACKAGES_HEAD: Final = """\
# What runs in the images, and in nothing else: the dependencies of our packages, and theirs. One name a line.
# tools/check_docker.py --write writes it.
"""

VARIABLE: Final = re.compile(r"\$\$|\$\{(?P<name>[A-Z][A-Z0-9_]*)(?::?-(?P<default>[^}]*)|:?\?[^}]*)?\}")
EXAMPLE_LINE: Final = re.compile(r"#? ?(?P<name>[A-Z][A-Z0-9_]+)=(?P<value>.*)")


def main(arguments: list[str]) -> int:
    """Print every problem."""
    if "--write" in arguments:
        PACKAGES.write_text(PACKAGES_HEAD + "".join(f"{name}\n" for name in sorted(needed_packages())))
    example = read_example()
    compose = read_compose(example)
    problems = [
        *schema_problems(),
        *hadolint_problems(),
        *package_problems(),
        *reference_problems(compose),
        *network_problems(compose),
        *confinement_problems(compose),
        *variable_problems(example),
        *environment_problems(compose),
    ]
    for problem in problems:
        print(f"docker: {problem}", file=sys.stderr)
    print(f"docker/: {len(compose['services'])} services, {len(example)} variables, {len(problems)} problems")
    return 1 if problems else 0


# --- reading ----------------------------------------------------------------------------------------------------------


def read_example() -> dict[str, str]:
    """Return the variables of the example, those in comments too: they are set elsewhere, or by nobody."""
    lines = (EXAMPLE_LINE.fullmatch(line) for line in EXAMPLE.read_text().splitlines())
    return {line["name"]: line["value"] for line in lines if line}


def read_compose(values: Mapping[str, str]) -> dict[str, Any]:
    """Return the compose file with its variables put in, after parsing, as compose does it."""

    def value(match: re.Match[str]) -> str:
        if match["name"] is None:
            return "$"
        return values.get(match["name"]) or match["default"] or ""

    def filled(node: Any) -> Any:
        if isinstance(node, Mapping):
            return {key: filled(item) for key, item in node.items()}
        if isinstance(node, list):
            return [filled(item) for item in node]
        return VARIABLE.sub(value, node) if isinstance(node, str) else node

    document: dict[str, Any] = filled(YAML(typ="safe").load(COMPOSE.read_text()))
    return document


def compose_variables() -> set[str]:
    """Return the variables that the compose file itself asks for."""
    return {match["name"] for match in VARIABLE.finditer(COMPOSE.read_text()) if match["name"]}


def declared_variables(module_name: str) -> set[str]:
    """Return the variables of every settings object that a module has."""
    module = importlib.import_module(module_name)
    return {
        env.name
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__module__.startswith("paseport_")
        for env in variables(kind).values()
    }


# --- tools of others --------------------------------------------------------------------------------------------------


def schema_problems() -> Iterator[str]:
    """Hold the compose file to the compose specification."""
    yield from _output_of("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE))


def hadolint_problems() -> Iterator[str]:
    """Hold the Dockerfile to hadolint's rules."""
    yield from _output_of("hadolint", str(DOCKER / "Dockerfile"))


def _output_of(program: str, *arguments: str) -> Iterator[str]:
    done = subprocess.run([BIN / program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        yield from (done.stdout + done.stderr).splitlines()


# --- packages ---------------------------------------------------------------------------------------------------------


def needed_packages() -> set[str]:
    """Return the names of all third-party packages that ours need, directly or not."""
    found: set[tuple[str, tuple[str, ...]]] = set()
    waiting: list[tuple[str, tuple[str, ...]]] = [(name, ()) for name in OWN_PACKAGES]
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in found:
            continue
        found.add((name, extras))
        for text in _requirements(name):
            requirement = Requirement(text)
            if _applies(requirement, extras):
                waiting.append((canonicalize_name(requirement.name), tuple(sorted(requirement.extras))))
    return {name for name, _ in found if name != "paseport" and not name.startswith("paseport-")}


def _requirements(name: str) -> list[str]:
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        # For another Python than this one. If it needs more itself, building the image fails for want of a hash.
        return []


def _applies(requirement: Requirement, extras: tuple[str, ...]) -> bool:
    marker = requirement.marker
    if marker is None:
        return True
    return any(
        marker.evaluate({**LINUX, "extra": extra, "python_full_version": python, "python_version": python[:4]})
        for extra in ("", *extras)
        for python in PYTHONS
    )


def package_problems() -> Iterator[str]:
    """Hold the list of packages equal to what the packages of this repository need."""
    listed = {line for line in PACKAGES.read_text().splitlines() if line and not line.startswith("#")}
    needed = needed_packages()
    for name in sorted(needed - listed):
        yield f"runtime-packages.txt lacks {name}: run tools/check_docker.py --write"
    for name in sorted(listed - needed):
        yield f"runtime-packages.txt has {name}, which nothing needs: run tools/check_docker.py --write"


# --- the compose file -------------------------------------------------------------------------------------------------


def reference_problems(compose: Mapping[str, Any]) -> Iterator[str]:
    """Everything that a service refers to exists, and everything that is declared is used."""
    services: Mapping[str, Any] = compose["services"]
    used_secrets: set[str] = set()
    for name, service in services.items():
        for network in service.get("networks", ()):
            if network not in compose["networks"]:
                yield f"{name}: there is no network {network}"
        for secret in service.get("secrets", ()):
            used_secrets.add(secret)
            if secret not in compose["secrets"]:
                yield f"{name}: there is no secret {secret}"
        for other, how in service.get("depends_on", {}).items():
            if other not in services:
                yield f"{name}: depends on {other}, which does not exist"
            elif how["condition"] == "service_healthy" and "healthcheck" not in services[other]:
                yield f"{name}: waits for {other} to be healthy, which has no health check"
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            if not source.startswith(("./", "/")):
                yield f"{name}: {source} is no folder: data lies where docker/make-secrets.sh put it"
            elif source.startswith("./") and not source.startswith(("./data", "./secrets")):
                yield from _missing(f"{name}: ", DOCKER / source)
        for key, value in _environment(service).items():
            if str(value).startswith("/run/secrets/") and value.removeprefix("/run/secrets/") not in service["secrets"]:
                yield f"{name}: {key} names a secret that the service does not have"
    for secret in sorted(set(compose["secrets"]) - used_secrets):
        yield f"the secret {secret} is used by nobody"


def _missing(prefix: str, path: Path) -> Iterator[str]:
    if not path.exists():
        yield f"{prefix}{path.relative_to(ROOT)} does not exist"


def network_problems(compose: Mapping[str, Any]) -> Iterator[str]:
    """Each network has the members that it should have, and leads out only where it must."""
    services: Mapping[str, Any] = compose["services"]
    for network, options in compose["networks"].items():
        members = {name for name, service in services.items() if network in service.get("networks", ())}
        if members != MEMBERS.get(network):
            yield f"{network} joins {sorted(members)}, expected {sorted(MEMBERS.get(network, ()))}"
        if bool(options.get("internal")) == (network in NOT_INTERNAL):
            yield f"{network} must {'not ' if network in NOT_INTERNAL else ''}be internal"
    taken: dict[str, str] = {}
    for name, service in services.items():
        networks = service.get("networks", {})
        if not networks:
            yield f"{name} is on no network of ours, so on the default one"
        for network, options in networks.items() if isinstance(networks, dict) else ():
            address = (options or {}).get("ipv4_address")
            if address is None:
                continue
            subnet = compose["networks"][network]["ipam"]["config"][0]["subnet"]
            if ip_address(address) not in ip_network(subnet):
                yield f"{name}: {address} is not in {subnet}"
            if other := taken.get(address):
                yield f"{name} and {other} both have {address}"
            taken[address] = name
        for port in service.get("ports", ()):
            if not str(port).startswith("127.0.0.1:"):
                yield f"{name}: {port} is published beyond this machine"
    edge = services["edge"]["networks"]["edge-net"]["ipv4_address"]
    for name in SETTINGS:
        proxies = _environment(services[name]).get("PASEPORT_TRUSTED_PROXIES")
        if proxies != f"{edge}/32":
            yield f"{name}: PASEPORT_TRUSTED_PROXIES is {proxies}, and the edge alone is to be believed ({edge}/32)"


def confinement_problems(compose: Mapping[str, Any]) -> Iterator[str]:
    """No part runs as root, writes to its image, has a capability or may take all of the machine."""
    for name, service in compose["services"].items():
        if str(service.get("user", "0")).partition(":")[0] in ("", "0", "root"):
            yield f"{name} runs as root"
        if service.get("read_only") is not True:
            yield f"{name} can write to its image"
        if service.get("cap_drop") != ["ALL"] or service.get("cap_add"):
            yield f"{name} has capabilities"
        if service.get("security_opt") != ["no-new-privileges:true"]:
            yield f"{name} may gain privileges"
        if service.get("privileged") or service.get("network_mode") or service.get("pid") or service.get("devices"):
            yield f"{name} shares something with the host"
        for limit in ("mem_limit", "memswap_limit", "cpus", "pids_limit"):
            if limit not in service:
                yield f"{name} has no {limit}"
        tag = service["image"].rpartition(":")[2]
        if "/" in tag or tag in ("", "latest", service["image"]):
            yield f"{name}: {service['image']} is no fixed version"
        if service.get("restart") != "no" and "healthcheck" not in service and "profiles" not in service:
            yield f"{name} has no health check"
        for volume in service.get("volumes", ()):
            if "docker.sock" in volume:
                yield f"{name} owns the host: {volume}"


# --- variables --------------------------------------------------------------------------------------------------------


def variable_problems(example: Mapping[str, str]) -> Iterator[str]:
    """The example names every variable that anything reads, and no other."""
    read = compose_variables() | EMBEDDED_ALONE | declared_variables(EMBEDDED)
    for module in SETTINGS.values():
        read |= declared_variables(module)
    for name in sorted(read - set(example)):
        yield f".env.example does not name {name}"
    for name in sorted(set(example) - read):
        yield f".env.example names {name}, which nothing reads"


def environment_problems(compose: Mapping[str, Any]) -> Iterator[str]:
    """Each service is given every variable that it reads, directly or as a file, and no other."""
    for service, module in SETTINGS.items():
        given = set(_environment(compose["services"][service]))
        declared = declared_variables(module)
        for name in sorted(declared):
            if name not in given and f"{name}_FILE" not in given:
                yield f"{service} is not given {name}"
        for name in sorted(given):
            if name not in declared and name.removesuffix("_FILE") not in declared:
                yield f"{service} is given {name}, which it does not read"


def _environment(service: Mapping[str, Any]) -> dict[str, Any]:
    return dict(service.get("environment") or {})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
