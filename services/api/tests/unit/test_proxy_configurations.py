"""The configurations in deploy/ agree with the api and with each other. What they do is tested in http/proxies."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from paseport_api.handlers.proxy_requests import IDENTITY
from paseport_standalone.cli import doctor_proxy
from proxy_corpus import IDENTITY as IN_THE_CORPUS

DEPLOY = Path(__file__).resolve().parents[4] / "deploy"
NAMES = sorted(name.decode() for name in IDENTITY)
ASKING = (
    "proxies/nginx/route.conf.template",
    "proxies/caddy/Caddyfile.template",
    "proxies/traefik/paseport.yml.template",
    "proxies/envoy/envoy.yaml.template",
    "kubernetes/traefik-middleware.yaml",
)


@pytest.mark.parametrize("path", ASKING)
def test_each_configuration_takes_the_whole_identity_from_the_client_and_gives_it_to_the_service(path: str) -> None:
    """FA-06: twice each, once where it is stripped and once where it is copied."""
    text = (DEPLOY / path).read_text().lower().replace("$upstream_http_", "").replace("_", "-")
    words = text.replace("-x-", " x-").replace("-remote-", " remote-")
    found = "".join(character if character.isalnum() or character in "-_" else " " for character in words).split()

    assert {name: found.count(name) >= 2 for name in NAMES} == dict.fromkeys(NAMES, True)


def test_the_api_the_corpus_and_the_doctor_know_the_same_identity() -> None:
    assert sorted(name.lower() for name in IN_THE_CORPUS) == NAMES
    assert sorted(name.lower() for name in doctor_proxy.IDENTITY) == NAMES


def test_the_middlewares_for_kubernetes_are_those_that_are_tested() -> None:
    tested = yaml.safe_load((DEPLOY / "proxies/traefik/paseport.yml.template").read_text())["http"]["middlewares"]
    manifests = {made["metadata"]["name"]: made["spec"] for made in _documents("traefik-middleware.yaml")}

    ask, asked = manifests["paseport-ask"]["forwardAuth"], tested["paseport-ask"]["forwardAuth"]
    assert {**ask, "address": ""} == {**asked, "address": ""}
    assert ask["address"].endswith(":3001/forward-auth")
    assert manifests["paseport-strip"] == tested["paseport-strip"]
    chain = [part["name"] for part in manifests["paseport"]["chain"]["middlewares"]]
    assert chain == tested["paseport"]["chain"]["middlewares"]


def test_every_manifest_names_its_kind_and_refers_to_what_is_there() -> None:
    made = [document for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")) for document in _documents(path.name)]
    deployment = next(document for document in made if document["kind"] == "Deployment")
    service = next(document for document in made if document["kind"] == "Service")
    pod = deployment["spec"]["template"]

    assert all(document["apiVersion"] and document["metadata"]["name"] for document in made)
    assert deployment["spec"]["selector"]["matchLabels"] == pod["metadata"]["labels"] == service["spec"]["selector"]
    ports = {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    config = {document["metadata"]["name"] for document in made if document["kind"] == "ConfigMap"}
    assert "paseport-policy" in config


def _documents(name: str) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all((DEPLOY / "kubernetes" / name).read_text()) if document]
