"""What a terminal, a file and a program get to read."""

import json

import pytest
from paseport_standalone.cli.errors import CommandFailed, FieldError
from paseport_standalone.cli.output import Output

FAILURE = CommandFailed(
    "weak_password", "Choose another password.", errors=[FieldError("password", "too_short", "Short")]
)


def test_a_name_cannot_steer_the_terminal_or_style_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """BF-14: what a user chose as a name is shown as text."""
    Output(as_json=False).table(("NAME",), [("\x1b[31mred\x07",), ("[bold]name[/bold] :smile:",)])

    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "[bold]name[/bold] :smile:" in shown


def test_a_file_gets_whole_lines_without_colour(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 150

    output = Output(as_json=False)
    output.table(("NAME", "ID"), [(long, "1")])
    output.say("y" * 500)

    assert long in capsys.readouterr().out.splitlines()[1]


def test_what_is_waited_for_is_said_to_people_and_not_to_programs(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True).wait(0, "Until everybody knows")
    Output(as_json=False).wait(0, "Until somebody knows")

    assert capsys.readouterr().out == "Until somebody knows: 0 s.\n"


def test_people_read_failures_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).failure(FAILURE)

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "error: Choose another password.\n  password: Short\n"


def test_programs_read_failures_as_json_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(as_json=True)
    output.say("words for people")
    output.table(("NAME",), [("row",)])
    output.failure(FAILURE)

    captured = capsys.readouterr()
    assert captured.err == ""
    assert json.loads(captured.out) == {
        "error": {
            "code": "weak_password",
            "message": "Choose another password.",
            "advice": None,
            "errors": [{"field": "password", "code": "too_short", "message": "Short"}],
        }
    }
