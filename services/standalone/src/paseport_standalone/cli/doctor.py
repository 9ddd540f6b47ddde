"""``paseport doctor``."""

from __future__ import annotations

import asyncio
import os
import platform
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec
import typer
from paseport_shared.adapters.keyfile.private_file import read_private_file
from paseport_shared.adapters.keyfile.problem import KeyFileProblem
from paseport_shared.settings import SettingsProblems

from paseport_standalone import ports
from paseport_standalone.app_build import AppBuildProblem, load_app_build
from paseport_standalone.cli.doctor_proxy import doctor_proxy
from paseport_standalone.cli.errors import FAILED, CommandFailed
from paseport_standalone.cli.issuer_client import connect_here
from paseport_standalone.cli.options import Json
from paseport_standalone.cli.output import Output
from paseport_standalone.data_folder import DataFolder
from paseport_standalone.settings import EmbeddedSettings, load_settings

Status = Literal["ok", "warn", "fail"]

_STYLES: Final = {"ok": "green", "warn": "yellow", "fail": "bold red"}
_PYTHON: Final = (3, 11)
_NODE_20: Final = (20, 19)
_NODE_22: Final = (22, 12)


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at, and what to do where it is not well."""

    name: str
    status: Status
    detail: str
    advice: str | None = None


doctor = typer.Typer()


@doctor.callback(invoke_without_command=True)
def examine(context: typer.Context, *, json: Json = False) -> None:
    """Look at everything that `run` needs, and at the issuer if it runs.

    Changes nothing. Exits with 1 if a line fails. `doctor proxy` looks at a proxy.
    """
    if context.invoked_subcommand is not None:
        return
    output = Output(as_json=json)
    checks = list(_checks())
    failed = any(check.status == "fail" for check in checks)
    output.document({"healthy": not failed, "checks": checks})
    for check in checks:
        advice = f" {check.advice}" if check.advice else ""
        output.mark(f"{check.status:<4}", _STYLES[check.status], f"{check.name}: {check.detail}{advice}")
    if failed:
        raise typer.Exit(FAILED)


doctor.command("proxy")(doctor_proxy)


def _checks() -> Iterator[Check]:
    yield _python()
    try:
        settings = load_settings()
    except SettingsProblems as error:
        for problem in error.problems:
            yield Check("settings", "fail", f"{problem}.")
        return
    yield Check("settings", "ok", "Every variable that is set can be used.")
    app = _app(settings)
    yield app
    yield _node(needed=app.status != "ok")
    folder = DataFolder(settings.data_dir)
    yield _data_folder(folder)
    yield from _private_files(folder)
    yield _database(folder)
    yield _port(settings.server_port, "SERVER_PORT", folder)
    yield _port(settings.internal_port, "PASEPORT_INTERNAL_PORT", folder)
    yield _issuer(folder)


def _python() -> Check:
    version = platform.python_version()
    if sys.version_info >= _PYTHON:
        return Check("python", "ok", f"Python {version}.")
    return Check("python", "fail", f"Python {version} is too old.", "Install Python 3.11 or later.")


def _app(settings: EmbeddedSettings) -> Check:
    try:
        load_app_build(settings.app_dir)
    except AppBuildProblem as error:
        return Check("app", "fail", str(error))
    return Check("app", "ok", f"Built, in {settings.app_dir}.")


def _node(*, needed: bool) -> Check:
    worst: Status = "fail" if needed else "warn"
    purpose = "The app is built with it." if needed else "The app is built; only building it again needs it."
    program = shutil.which("node")
    if program is None:
        return Check("node", worst, f"Node is not installed. {purpose}", "Install Node 20.19 or later (22.12 of 22).")
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout  # noqa: S603 - the path is what the shell would run
    except (OSError, subprocess.SubprocessError) as error:
        return Check("node", worst, f"{program} does not run: {error}. {purpose}", "Install Node 20.19 or later.")
    version = re.match(r"v(\d+)\.(\d+)", answer)
    found = (int(version[1]), int(version[2])) if version else (0, 0)
    if _NODE_20 <= found < (21, 0) or found >= _NODE_22:
        return Check("node", "ok", f"Node {answer.strip()}.")
    return Check(
        "node", worst, f"Node {answer.strip()} is too old. {purpose}", "Install Node 20.19 or later (22.12 of 22)."
    )


def _data_folder(folder: DataFolder) -> Check:
    name, path = "data folder", folder.path
    existing = next(parent for parent in (path, *path.parents) if parent.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        advice = "Make it a folder that this user may write to, or choose another with PASEPORT_DATA_DIR."
        return Check(name, "fail", f"{existing} is no folder that this user may write to.", advice)
    if existing != path:
        return Check(name, "ok", f"{path} will be created.")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        return Check(name, "fail", f"{path} can be changed by other users.", f"If nobody did, run `chmod 700 {path}`.")
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        return Check(name, "warn", f"{path} is open to other users (mode {mode:04o}).", f"Run `chmod 700 {path}`.")
    return Check(name, "ok", f"{path}.")


def _private_files(folder: DataFolder) -> Iterator[Check]:
    for path in folder.private_files:
        try:
            exists = read_private_file(path) is not None
        except KeyFileProblem as error:
            yield Check(path.name, "fail", str(error))
            continue
        if exists:
            yield Check(path.name, "ok", "Readable by this user alone.")
        elif folder.database.exists():
            detail = "Missing, though there is a database."
            if path == folder.password_pepper:
                yield Check(path.name, "fail", detail, "Restore it from the backup that the database came from.")
            else:
                yield Check(path.name, "warn", detail, "The next start makes a new one.")
        else:
            yield Check(path.name, "ok", "Made at the first start.")


def _database(folder: DataFolder) -> Check:
    if not folder.database.exists():
        return Check("database", "ok", "Made at the first start.")
    # SQLAlchemy and Alembic take their time to load, and few commands need them.
    from paseport_shared.adapters.sql import revision
    from paseport_shared.adapters.sql.engine import create_engine_for
    from paseport_shared.domain.errors import Unavailable

    async def check() -> None:
        engine = create_engine_for(folder.database_url)
        try:
            await revision.check_revision(engine)
        finally:
            await engine.dispose()

    try:
        asyncio.run(check())
    except Unavailable as error:
        return Check("database", "fail", f"{folder.database}: {error.reason}.", "Restore it from a backup.")
    except revision.WrongRevision as error:
        return Check("database", "fail", str(error))
    return Check("database", "ok", f"{folder.database}, at revision {revision.REVISIONS[-1]}.")


def _port(port: int, variable: str, folder: DataFolder) -> Check:
    name = f"port {port}"
    runtime = folder.find_runtime()
    own = () if runtime is None else (urlsplit(runtime.public_url).port, urlsplit(runtime.internal_url).port)
    if runtime is not None and port in own:
        return Check(name, "ok", f"Served by Paseport itself (process {runtime.process_id}).")
    if ports.is_free(port):
        return Check(name, "ok", "Free.")
    owner = ports.describe_owner(port)
    return Check(name, "fail", f"In use by {owner}.", f"Stop that program, or choose another port with {variable}.")


def _issuer(folder: DataFolder) -> Check:
    runtime = folder.find_runtime()
    if runtime is None:
        return Check("issuer", "ok", "Not running.", "Start it with `paseport run`.")
    try:
        with connect_here(folder) as issuer:
            signing = [key for key in issuer.key_versions() if key.status == "active"]
    except CommandFailed as error:
        return Check("issuer", "fail", error.message, error.advice)
    if not signing:
        return Check("issuer", "fail", f"{runtime.public_url} has no active signing key.", "See `paseport keys list`.")
    return Check("issuer", "ok", f"Answers at {runtime.public_url}.")
