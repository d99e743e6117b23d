"""Commands as they are printed."""

import shlex
from pathlib import Path

from reco_core.cli.main import build_parser
from reco_core.cli.options import command_line, model_options


def test_a_command_survives_a_shell():
    parts = ["segment", Path("a b's.jpg"), 'cat, "dog"', "--out", Path("$HOME;x")]
    assert shlex.split(command_line(*parts)) == ["reco", *map(str, parts)]
    assert command_line("predict", Path("-x")) == "reco predict ./-x"  # no option


def test_options_of_models_are_those_that_were_typed():
    typed = ["--photos", "p", "--device", "cpu", "--archive", "one", "--archive", "two x"]
    args = build_parser().parse_args(["segment", "photo.jpg", "cat", "--out", "o", *typed, "--preset", "clip"])
    assert [*map(str, model_options(args))] == ["--preset", "clip", *typed]
    assert model_options(build_parser().parse_args(["segment", "photo.jpg", "cat", "--out", "o"])) == []
