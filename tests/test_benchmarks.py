"""The benchmarks can be run: all say what they are for, and the small ones measure something."""

import importlib.util
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from PIL import Image
from support.labelled import three

FILES = sorted((Path(__file__).resolve().parents[1] / "benchmarks").glob("*.py"))


@pytest.fixture
def as_script(monkeypatch) -> Iterator[None]:
    """What a script may change of this process is changed back."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    threads, level = torch.get_num_threads(), logging.getLogger().level
    yield
    torch.set_num_threads(threads)
    logging.getLogger().setLevel(level)


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FILES[0].parent / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(name: str, *arguments: str | Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [f"{name}.py", *map(str, arguments)])
        load(name).main()


@pytest.mark.usefixtures("as_script")
def test_every_benchmark_has_help(capsys):
    programs = [file.stem for file in FILES if "__main__" in file.read_text()]
    assert len(programs) > 10
    for name in programs:
        with pytest.raises(SystemExit) as done:
            run(name, "--help")
        assert done.value.code == 0, name
        assert f"usage: {name}.py" in capsys.readouterr().out


@pytest.mark.usefixtures("as_script")
def test_growth_is_drawn_and_told_and_what_was_not_measured_stays(tmp_path):
    names = {str(n): {"network": 0.1, "scores": 0.01 * n, "refinement": 0.05} for n in (1, 10, 2)}
    searched = {
        "1e+06": {"search": 0.02, "megabytes not mapped": 1},
        "7000": {"search": 2e-4, "megabytes not mapped": 5.2},
    }
    machine = {"cpu": "AMD EPYC", "cores": 2, "threads": 2, "gpu": "none"}
    report = {"machine": machine, "parts": {"names": names, "archive": searched, "visitors": {}}}
    (tmp_path / "r.json").write_text(json.dumps(report))
    page = tmp_path / "performance.md"
    page.write_text((FILES[0].parents[1] / "docs" / "performance.md").read_text())
    before = page.read_text().partition("<!-- figures: visitors -->")[2]
    run("growth_figure", "--json", tmp_path / "r.json", "--docs", tmp_path)
    text = page.read_text()
    assert "Measured on 2 cores of an AMD EPYC, no GPU." in text
    assert "| photos | search, ms | megabytes not mapped |" in text
    assert "| 7,000 | 0.2 | 5.2 |\n| 1,000,000 | 20 | 1 |" in text  # in order
    assert text.partition("<!-- figures: visitors -->")[2] == before
    assert Image.open(tmp_path / "performance.webp").width > 1000
    assert (tmp_path / "performance.webp").stat().st_size < 100_000


@pytest.mark.usefixtures("as_script")
def test_growth_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    growth, measured = load("growth"), []
    monkeypatch.setattr(growth, "archive", lambda count: measured.append(count) or {"search": 0.1})
    given = ["growth.py", "--parts", "archive", "--json", str(tmp_path / "r.json"), "--most"]
    for most in ("30000", "100000"):
        monkeypatch.setattr(sys, "argv", [*given, most])
        growth.main()
    assert measured == [7_000, 30_000, 100_000]
    assert set(json.loads((tmp_path / "r.json").read_text())["parts"]["archive"]) == {"7000", "30000", "100000"}


@pytest.mark.usefixtures("as_script")
def test_everything_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    everything = load("everything")
    for _, _, command in everything.STEPS:
        program = command.split()[0]
        assert program == "-m" or (FILES[0].parents[1] / program).is_file(), command
    mark = "import sys, pathlib; pathlib.Path(sys.argv[1]).open('a').write('x'); sys.exit(int(sys.argv[2]))"
    steps = [(name, f'-c "{mark}" {{work}}/{name}.ran {code}') for name, code in (("well", 0), ("ill", 1))]
    monkeypatch.setattr(everything, "STEPS", [("quality", *step) for step in steps])
    folder = str(tmp_path)
    monkeypatch.setattr(sys, "argv", ["everything.py", folder, folder, folder, "--work", folder])
    for _ in range(2):
        with pytest.raises(SystemExit, match=r"failed: ill\."):
            everything.main()
    assert [len((tmp_path / f"{name}.ran").read_text()) for name in ("well", "ill")] == [1, 2]


@pytest.mark.slow
@pytest.mark.usefixtures("as_script")
@pytest.mark.parametrize(
    "arguments",
    [
        ("latency", "--repeats", "1", "--threads", "1"),
        ("crf", "--methods", "reco", "--limit", "1", "--threads", "1"),
        ("crf", "--labelled", "SET", "--methods", "reco", "--limit", "1", "--threads", "1"),
        ("photo_kind", "SET", "--limit", "2"),
        ("quality", "SET", "--limit", "1", "--plot", "OUT/quality.png"),
        ("discovery", "SET", "--limit", "1", "--json", "OUT/r.json", "--threads", "1"),
        ("embedding", "PHOTOS", "--limit", "8", "--rounds", "1"),
        ("reading_photos", "--exif", "300", "--mutated", "60"),
        ("opening", "--count", "2000", "--dimension", "16"),
        (
            "vectors",
            "--count",
            "20000",
            "--dimension",
            "32",
            "--queries",
            "20",
            "--repeats",
            "1",
            "--json",
            "OUT/r.json",
        ),
        ("compression", "PHOTOS", "--out", "OUT", "--names", "12", "--labelled", "SET", "--limit", "1"),
        ("growth", "--json", "OUT/r.json", "--most", "1", "--repeats", "1"),
        ("cosegmentation", "--images", "4", "--grid", "6", "--channels", "8", "--repeats", "1"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_the_smallest_run_of_a_benchmark(arguments, real_photos, photo_folder, tmp_path, capsys):
    labelled = three(real_photos, tmp_path / "three")
    places = {"SET": labelled, "PHOTOS": photo_folder, "OUT": tmp_path / "out"}
    places["OUT"].mkdir()
    given = [
        str(places[p]) + slash + rest if (p := a.partition("/")[0]) in places else a
        for a in arguments
        for _, slash, rest in [a.partition("/")]
    ]
    run(*given)
    assert any(character.isdigit() for character in capsys.readouterr().out)
    for file in places["OUT"].glob("r.json"):
        assert json.loads(file.read_text())
