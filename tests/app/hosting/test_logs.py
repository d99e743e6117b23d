"""What the log says, and what it never says."""

import json
import logging
import sys
from pathlib import Path

import pytest

from reco_app.hosting.logs import Lines, note
from reco_core.utils.paths import bundled_folder

SECRET = "my neighbour's dog"


def record(what: str, *args: object, fields: dict | None = None, error: Exception | None = None) -> logging.LogRecord:
    information = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord("reco_app", logging.WARNING, "", 1, what, args, information)
    made.fields = fields or {}
    return made


@pytest.fixture
def failure() -> ValueError:
    try:
        raise ValueError(f"{SECRET} in /home/ada/photo.jpg")
    except ValueError as error:
        return error


def test_lines_of_keys_and_values():
    line = Lines().format(record("called", fields={"call": "segment", "outcome": "it is done", "seconds": 1.23456}))
    assert line.startswith("time=20")
    assert line.endswith(' level=warning from=reco_app event=called call=segment outcome="it is done" seconds=1.235')
    assert "\n" not in Lines().format(record("two\nlines=1"))


def test_json():
    said = json.loads(Lines(as_json=True).format(record("called", fields={"call": "segment", "seconds": 1.23456})))
    assert said.pop("time") < "3"
    assert said == {"level": "warning", "from": "reco_app", "event": "called", "call": "segment", "seconds": 1.235}


@pytest.mark.parametrize("as_json", [False, True])
def test_an_errors_kind_and_place_but_not_its_words(failure, as_json):
    line = Lines(as_json).format(record("unexpected error", error=failure))
    assert "ValueError" in line and "test_logs:" in line
    assert SECRET not in line and "ada" not in line


def test_folders_of_the_machine_have_words(tmp_path):
    text = f"{bundled_folder()}/assets {sys.prefix}/lib {tmp_path}/a.png {Path.home()}/b.png"
    line = Lines().format(record("%s", text, fields={"file": f"{bundled_folder()}/x"}))
    for folder in (str(bundled_folder()), sys.prefix, str(tmp_path)):
        assert folder not in line
    assert "<app>/assets" in line and "file=<app>/x" in line


def test_a_note(caplog):
    caplog.set_level(logging.INFO)
    note("called", call="segment", seconds=2.0)
    assert caplog.records[-1].fields == {"call": "segment", "seconds": 2.0}
    assert caplog.messages == ["called"]
