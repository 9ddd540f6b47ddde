"""The command line: what it offers and how it ends."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

import typer
from typer.exceptions import TyperException

from paseport_standalone.cli.api_keys import api_keys
from paseport_standalone.cli.clients import clients
from paseport_standalone.cli.doctor import doctor
from paseport_standalone.cli.errors import USAGE, CommandFailed
from paseport_standalone.cli.import_api_keys import import_api_keys
from paseport_standalone.cli.keys import keys
from paseport_standalone.cli.login import login, logout
from paseport_standalone.cli.migrate import migrate
from paseport_standalone.cli.output import Output
from paseport_standalone.cli.policy import policy
from paseport_standalone.cli.providers import providers
from paseport_standalone.cli.run import run
from paseport_standalone.cli.users import users
from paseport_standalone.cli.verifiers import verifiers
from paseport_standalone.cli.version import version

_EXIT_CODES: Final = (
    "Exit codes: 0 done; 1 refused or failed, and the reason is printed; 2 wrong usage; "
    "3 no issuer is running here, or it does not answer."
)

app = typer.Typer(
    name="paseport",
    help="Paseport in one process, and the command line for the one that runs.",
    epilog=_EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    # Its tracebacks show local variables, and some of ours are secrets.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run)
app.command("migrate")(migrate)
app.add_typer(doctor, name="doctor")
app.command("login")(login)
app.command("logout")(logout)
app.add_typer(users, name="users")
app.add_typer(clients, name="clients")
app.add_typer(verifiers, name="verifiers")
api_keys.command("import")(import_api_keys)
app.add_typer(api_keys, name="api-keys")
app.add_typer(providers, name="providers")
app.add_typer(keys, name="keys")
app.add_typer(policy, name="policy")
app.command("version")(version)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    code = None
    try:
        code = app(words, prog_name="paseport", standalone_mode=False)
    except CommandFailed as error:
        _fail(words, error)
    except TyperException as error:
        if not words or words[-1] in ("users", "clients", "verifiers", "api-keys", "providers", "keys", "policy"):
            # Asked for nothing: the message is the help text.
            sys.stderr.write(error.format_message() + "\n")
            sys.exit(USAGE)
        _fail(words, CommandFailed("usage", error.format_message(), advice=_help_for(error), exit_code=USAGE))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read has seen enough (`| head`).
        sys.stdout = sys.stderr
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(words: Sequence[str], error: CommandFailed) -> None:
    Output(as_json="--json" in words).failure(error)
    sys.exit(error.exit_code)


def _help_for(error: TyperException) -> str:
    context = getattr(error, "ctx", None)
    command = "paseport" if context is None else context.command_path
    return f"See `{command} --help`."
