"""The import contracts of .importlinter hold, and each of them fails when somebody breaks it.

It is a copy of the packages that is damaged: forbidden imports are added, each in a module of its own, and the linter
must name each below the rule that forbids it.
"""

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
CONFIGURATION = ".importlinter"
CONTRACT_SECTION = "importlinter:contract:"


def contract_names() -> dict[str, str]:
    """Contract id → the sentence that names it."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / CONFIGURATION)
    return {
        section.removeprefix(CONTRACT_SECTION): parser[section]["name"]
        for section in parser.sections()
        if section.startswith(CONTRACT_SECTION)
    }


# Contract id, the package that receives a new module, or the module that is changed, and what it imports.
INTRUSIONS = [
    ("packages", "paseport_shared", "import paseport_issuer.app"),
    ("packages", "paseport_issuer", "import paseport_api.app"),
    ("packages", "paseport_api", "import paseport_issuer.app"),
    ("packages", "paseport_api", "import paseport_standalone"),
    ("packages", "paseport", "import paseport_shared"),
    ("verifier", "paseport", "import flask"),
    ("glue", "paseport/verifier.py", "import paseport.asgi"),
    ("glue", "paseport/asgi.py", "import paseport.litestar"),
    ("litestar-glue", "paseport", "import litestar"),
    ("litestar-glue", "paseport/bearer.py", "import litestar.connection"),
    ("starlette-glue", "paseport/asgi.py", "import starlette.types"),
    ("starlette-glue", "paseport_shared/http", "import fastapi"),
    ("decision", "paseport/authenticate_bearer.py", "import httpx"),
    ("decision", "paseport/revocation_list.py", "import paseport.redis.access"),
    ("domain", "paseport_shared/domain", "import msgspec"),
    ("domain", "paseport_shared/domain/ports", "import paseport"),
    ("domain", "paseport_shared/domain/models", "import paseport_shared.adapters.memory"),
    ("domain", "paseport_shared/domain", "import a_package_nobody_has_heard_of"),
    ("use-cases", "paseport_issuer/use_cases", "import msgspec"),
    ("use-cases", "paseport_issuer/use_cases", "import paseport_shared.adapters.sql"),
    ("use-cases", "paseport_issuer/use_cases", "import paseport_issuer.handlers"),
    ("use-cases", "paseport_api/use_cases", "import litestar"),
    ("handlers", "paseport_issuer/handlers", "import paseport_shared.adapters.memory"),
    ("handlers", "paseport_issuer/handlers", "import sqlalchemy"),
    ("handlers", "paseport_api/handlers", "import paseport"),
    ("shared-http", "paseport_shared/http", "import paseport_shared.adapters.paseto"),
    ("shared-http", "paseport_shared/http", "import sqlalchemy"),
    ("adapters", "paseport_shared/adapters/sql", "import paseport_shared.wiring"),
    ("adapters", "paseport_shared/adapters/memory", "import paseport_shared.http"),
    ("adapters", "paseport_shared/adapters/bcrypt", "import litestar"),
    ("api-key-state", "paseport_shared/api_key_state.py", "import redis"),
    ("threads", "paseport_shared/threads", "import hvac"),
    ("adapters-apart", "paseport_shared/adapters/memory", "import paseport_shared.adapters.sql"),
    ("adapters-apart", "paseport_shared/adapters/paseto", "import paseport_shared.adapters.keyfile"),
    ("sql-driver", "paseport_standalone", "import sqlalchemy"),
    ("sql-driver", "paseport_shared/adapters/memory", "import alembic.op"),
    ("redis-driver", "paseport_shared/adapters/memory", "import redis.asyncio"),
    ("redis-driver", "paseport_api", "import redis"),
    ("vault-driver", "paseport_issuer", "import hvac"),
    ("vault-driver", "paseport_shared/adapters/keyfile", "import requests"),
    ("testkit", "paseport_testkit", "import paseport_shared.adapters.sql"),
    ("testkit", "paseport_testkit", "import paseport_issuer"),
    ("testkit-plugin", "paseport_testkit/plugin.py", "import paseport_testkit.services"),
    ("testkit-plugin", "paseport_testkit/fake_issuer", "import paseport_testkit.harness.ports"),
    ("testkit-plugin", "paseport_testkit/fake_issuer", "import redis"),
    ("regex-engine", "paseport_shared/adapters/policy_file", "import re2"),
    ("yaml", "paseport_shared/adapters/memory", "import yaml"),
    ("bcrypt-driver", "paseport_shared/adapters/sql", "import bcrypt"),
    ("key-material", "paseport_shared/adapters/paseto", "import cryptography.hazmat"),
    ("key-material", "paseport_standalone", "import pyseto"),
    ("key-material", "paseport_shared/adapters/vault", "import cryptography.hazmat"),
    ("jose-driver", "paseport_issuer", "import joserfc.jwt"),
    ("jose-driver", "paseport_shared/adapters/vault", "import joserfc"),
    ("authlib", "paseport_issuer", "import authlib.oidc"),
    ("authlib", "paseport_shared/adapters/jose", "import authlib"),
    ("wiring", "paseport_issuer/handlers", "import paseport_issuer.wiring"),
    ("wiring", "paseport_issuer", "import paseport_issuer.app"),
    ("wiring", "paseport_api", "import paseport_api.wiring"),
]


@pytest.fixture(scope="module")
def copied_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages, the contracts and the contract type, free to be damaged."""
    folder = tmp_path_factory.mktemp("architecture")
    for source in (*ROOT.glob("libs/*/src/*"), *ROOT.glob("services/*/src/*")):
        if (source / "__init__.py").exists():
            shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__", "static"))
    (folder / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "import_contracts.py", folder / "tools")
    shutil.copy(ROOT / CONFIGURATION, folder)
    return folder


def broken_contracts(folder: Path) -> dict[str, str]:
    """Run the linter there and return what it says of each contract that it reports as broken, by their names."""
    run = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-logo", "--cache-dir", folder / ".cache"],
        cwd=folder,
        # The linter puts its working folder first on the path, so the copies win over the installed packages.
        env={**os.environ, "COLUMNS": "500", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    names = set(contract_names().values())
    verdicts = dict(line.rsplit(" ", 1) for line in run.stdout.splitlines() if line.endswith((" KEPT", " BROKEN")))
    assert set(verdicts) == names, run.stdout + run.stderr
    broken = {name for name, verdict in verdicts.items() if verdict == "BROKEN"}
    assert (run.returncode == 0) == (not broken), run.stdout + run.stderr
    _, *details = re.split(rf"^({'|'.join(map(re.escape, broken))})\n-+\n", run.stdout, flags=re.MULTILINE)
    said = dict(zip(details[::2], details[1::2], strict=True)) if broken else {}
    assert set(said) == broken, run.stdout
    return said


def test_every_contract_holds_for_the_code_as_it_is(copied_packages: Path) -> None:
    assert broken_contracts(copied_packages) == {}


def test_every_contract_has_a_case_that_breaks_it() -> None:
    assert {contract for contract, _, _ in INTRUSIONS} == set(contract_names())


def test_a_forbidden_import_breaks_its_contract(copied_packages: Path) -> None:
    """Contracts see all intruders at once, and each contract says who broke it."""
    intruders = [
        intrude(copied_packages / place, f"intruder_{number}", statement)
        for number, (_, place, statement) in enumerate(INTRUSIONS)
    ]

    said = broken_contracts(copied_packages)

    missed = [
        (contract, intruder, statement)
        for (contract, _, statement), intruder in zip(INTRUSIONS, intruders, strict=True)
        if not re.search(
            rf"\b{re.escape(intruder)} -> {re.escape(imported_by(statement))}", said[contract_names()[contract]]
        )
    ]
    assert missed == []


def intrude(place: Path, name: str, statement: str) -> str:
    """Have a new module in a package, or the module that is named, import something. Return the module's name."""
    assert place.exists(), f"the case names something that does not exist: {place}"
    module = place / f"{name}.py" if place.is_dir() else place
    module.write_text((module.read_text() if module.exists() else "") + f"\n{statement}\n")
    package = next(parent for parent in module.parents if not (parent.parent / "__init__.py").exists())
    return ".".join(module.relative_to(package.parent).with_suffix("").parts)


def imported_by(statement: str) -> str:
    """What an import statement imports, as the linter calls it: of a package of others it knows the first name."""
    module = statement.removeprefix("import ")
    return module if module.startswith("paseport") else module.partition(".")[0]
