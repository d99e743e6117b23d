"""`bench` as a user runs it, on a tiny plain folder, with the bundled model."""

import json
import logging
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.labelled import three

from reco_core.cli import bench as bench_cli
from reco_core.cli.main import main
from reco_core.cli.options import load
from reco_core.datasets.folder import open_folder
from reco_core.errors import WeightsError
from reco_core.evaluation import bench
from reco_core.evaluation.variants import Variant, of_methods
from reco_core.methods import find_method


@pytest.fixture(scope="module")
def folder(real_photos, tmp_path_factory):
    return three(real_photos, tmp_path_factory.mktemp("cli") / "three")


@pytest.fixture(autouse=True)
def loaded(reco, monkeypatch) -> list:
    """The model is there already; the options that it would be loaded with."""
    asked: list = []
    monkeypatch.setattr(bench_cli, "load", lambda args: asked.append(args) or reco)
    return asked


def refuse(args):
    raise WeightsError("models were loaded")


def test_the_commands_load_the_preset_themselves(folder, capsys, monkeypatch):
    monkeypatch.setattr(bench_cli, "load", load)
    assert main(["bench", str(folder), "--methods", "denseclip", "--limit", "1", "--device", "cpu"]) == 0
    assert "| denseclip |" in capsys.readouterr().out


def test_a_plain_folder(reco, folder, tmp_path, capsys):
    file = tmp_path / "deep" / "r.json"
    arguments = [
        "bench",
        str(folder),
        "--methods",
        "reco, denseclip",
        "--limit",
        "2",
        "--per-class",
        "--json",
        str(file),
    ]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    report = json.loads(file.read_text(), parse_constant=pytest.fail)  # NaN, which JSON has not
    assert "three (with_background), mini, 2 photos" in out and "| IoU | reco | denseclip |" in out
    for name in ("reco", "denseclip"):
        assert f"| {name} | {100 * report['methods'][name]['accuracy']:.1f} (" in out
    assert f"| cup | {100 * report['methods']['reco']['per_class']['cup']:.1f} |" in out
    assert "is it there?" in out
    assert report["data"]["classes"] == ["background", "cat", "cup", "motorbike"]
    assert list(file.parent.iterdir()) == [file], "the journal has done its work"
    direct = bench.run(reco, open_folder(folder), of_methods(("reco", "denseclip")), limit=2)
    assert {k: v for k, v in report.items() if k not in ("data", "methods")} == {
        k: v for k, v in direct.items() if k != "methods"
    }
    assert report["methods"]["reco"]["miou"] == direct["methods"]["reco"]["miou"]


def test_the_data_set_folder_and_its_options(folder, tmp_path, capsys):
    file = tmp_path / "r.json"
    arguments = [
        "bench",
        "folder",
        "--root",
        str(folder),
        "--protocol",
        "objects_only",
        "--methods",
        "denseclip",
        "-k",
        "4",
    ]
    assert main([*arguments, "--limit", "1", "--seed", "3", "--context", "", "--json", str(file)]) == 0
    assert "three (objects_only), mini, 1 photos" in capsys.readouterr().out
    settings = json.loads(file.read_text())["settings"]
    assert [settings[key] for key in ("k", "seed", "context", "background")] == [4, 3, [], []]


def test_a_report_is_written_whole_or_not_at_all(reco, folder, tmp_path, monkeypatch, caplog):
    file = tmp_path / "r.json"
    file.write_text("old")
    arguments = ["bench", str(folder), "--methods", "denseclip", "--limit", "2", "--json", str(file)]
    replace = Path.replace

    def full(self, target):
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert main(arguments) == 2
    assert "No space left" in caplog.text and file.read_text() == "old"
    assert len(list(tmp_path.glob("*.partial"))) == 1, "what was measured is kept"
    monkeypatch.setattr(Path, "replace", replace)
    monkeypatch.setattr(reco, "segment", lambda *given, **options: pytest.fail("measured again"))
    assert main(arguments) == 0
    assert json.loads(file.read_text())["photos"] == 2
    assert not list(tmp_path.glob("*.partial"))


def test_an_ablation(reco, folder, tmp_path, monkeypatch, capsys, loaded):
    method = find_method("reco")
    rows = (
        *of_methods(("denseclip", "reco")),
        Variant("reco, k = 2", method, k=2),
        Variant("reco, few", method, share=0.3),
    )
    asked = []
    monkeypatch.setattr(bench_cli, "ablation", lambda k: asked.append(k) or rows)
    monkeypatch.setattr(bench_cli, "ENCODERS", ("denseclip", "reco"))
    monkeypatch.setattr(bench_cli, "missing", lambda preset, weights: preset.name != "clip")
    file = tmp_path / "r.json"
    arguments = ["bench", str(folder), "--ablation", "--limit", "1", "--background", "sky", "--archive", "own"]
    assert main([*arguments, "--json", str(file)]) == 0
    assert asked == [20] and [(a.preset, a.archive) for a in loaded] == [("mini", [Path("own")]), ("clip", [])]
    assert "| reco, few |" in capsys.readouterr().out
    report = json.loads(file.read_text())
    assert list(report["methods"]) == ["denseclip", "reco", "reco, k = 2", "reco, few"]
    assert list(report["encoders"]) == ["clip"] and list(report["encoders"]["clip"]["methods"]) == ["denseclip", "reco"]
    assert sorted(f.name for f in tmp_path.iterdir()) == ["r.json", "r.png"], "neither journal is left"
    with Image.open(tmp_path / "r.png") as picture:
        assert picture.size[0] == 1210 and np.asarray(picture).std() > 10


def test_comparing(folder, tmp_path, capsys, caplog):
    files = [str(tmp_path / name) for name in ("a.json", "b.json", "c.json")]
    for file, methods in zip(files[:2], ("denseclip", "denseclip,reco"), strict=True):
        assert main(["bench", str(folder), "--methods", methods, "--json", file]) == 0
    capsys.readouterr()
    assert main(["compare", *files[:2]]) == 0
    out = capsys.readouterr().out
    assert "| row | accuracy | mIoU | photos |" in out and "+0.0 (+0.0, +0.0) | 3 |" in out and "| reco" not in out
    assert main(["compare", *files[:2], "--rows", "denseclip", "reco", "--json", files[2]]) == 0
    assert "| denseclip -> reco |" in capsys.readouterr().out
    found = json.loads(Path(files[2]).read_text())["denseclip -> reco"]
    second = json.loads(Path(files[1]).read_text())["methods"]
    assert found["miou"] == [second["denseclip"]["miou"], second["reco"]["miou"]]
    assert found["miou_difference"] == pytest.approx(second["reco"]["miou"] - second["denseclip"]["miou"], abs=2e-4)
    assert main(["compare", files[0], files[1], "--rows", "denseclip", "rec"]) == 2
    assert 'Did you mean "reco"' in caplog.text
    Path(files[0]).write_text("{}")
    assert main(["compare", *files[:2]]) == 2
    assert "this is no report" in caplog.text


def test_class_folder(photo_folder, tmp_path, capsys):
    root = tmp_path / "classes"
    for name in (
        "cat_0",
        "cat_1",
        "cat_2",
        "rocket_0",
        "rocket_1",
        "rocket_2",
        "coffee_0",
        "coffee_1",
        "coffee_2",
        "coffee_3",
    ):
        (root / name[:-2]).mkdir(parents=True, exist_ok=True)
        (root / name[:-2] / f"{name}.jpg").symlink_to(photo_folder / f"{name}.jpg")
    assert main(["bench", "class_folder", "--root", str(root), "--json", str(tmp_path / "r.json")]) == 0
    assert "| purity@10 | 0.333 |" in capsys.readouterr().out, "all ten photos are retrieved for each of three classes"
    report = json.loads((tmp_path / "r.json").read_text())
    assert [row["words"] for row in report["per_class"]] == ["cat", "coffee", "rocket"]
    assert report["purity"] == {"10": pytest.approx(1 / 3, abs=1e-4)}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["citycapes27", "--root", "x"], 'unknown data set.*Did you mean "cityscapes27"'),
        (["imagnet", "--root", "x"], 'unknown data set.*Did you mean "imagenet"'),
        (["some/folder"], "this is no benchmark folder.*some/folder.*meta.json"),
        (["ade20k150"], "where is the data set.*--root FOLDER with ADEChallengeData2016.*It comes from https://"),
        (["folder"], "where is the data set.*--root FOLDER with images/"),
        (["imagenet"], "where is the data set.*--root FOLDER"),
        (["voc21", "--root", "nowhere"], "VOC2012 is missing.*nowhere.*https://"),
        (["voc21", "--root", "x", "--protocol", "objects_only"], "--protocol is for plain folders"),
        (["folder", "--root", "nowhere"], "this is no benchmark folder"),
        (["class_folder", "--root", "nowhere"], "folder of classes is missing"),
        (["FOLDER", "--methods", "reco,densclip"], 'unknown method.*Did you mean "denseclip"'),
        (["FOLDER", "--preset", "papr"], 'unknown preset.*Did you mean "paper"'),
    ],
)
def test_errors_are_one_clear_line_before_models_are_loaded(folder, tmp_path, monkeypatch, caplog, arguments, says):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bench_cli, "load", refuse)
    with caplog.at_level(logging.ERROR):
        assert main(["bench", *(str(folder) if a == "FOLDER" else a for a in arguments)]) == 2
    (record,) = caplog.records
    assert record.getMessage().startswith("error: ") and "\n" not in record.getMessage()
    assert re.search(says, record.getMessage()), record.getMessage()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["compare"], "the following arguments are required: REPORT"),
        (["compare", "a.json"], "expected 2 arguments|arguments are required: REPORT"),
        (["compare", "a.json", "b.json", "c.json"], "unrecognized arguments: c.json"),
        (["bench", "voc21", "a.json", "--root", "x"], "unrecognized arguments: a.json"),
        (["compar", "a.json", "b.json"], "invalid choice: 'compar'"),
    ],
)
def test_too_few_and_too_many_arguments(arguments, says, capsys):
    with pytest.raises(SystemExit) as done:
        main(arguments)
    assert done.value.code == 2
    assert re.search(says, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("given", "says"), [(("--limit", "0"), "no photos to measure on"), (("-k", "0"), "out of range")]
)
def test_numbers_that_are_too_small(folder, tmp_path, caplog, given, says):
    assert main(["bench", str(folder), *given, "--json", str(tmp_path / "r.json")]) == 2
    assert says in caplog.text and not list(tmp_path.iterdir())


def test_help_names_every_data_set(capsys):
    with pytest.raises(SystemExit) as done:
        main(["bench", "--help"])
    out = capsys.readouterr().out
    assert done.value.code == 0
    assert all(f"  {name} " in out for name in (*bench_cli.DATASETS, *bench_cli.RETRIEVAL))


def test_the_authors_code_is_an_option(folder, tmp_path, capsys):
    reports = []
    for option in ([], ["--authors-code"]):
        file = tmp_path / f"{len(reports)}.json"
        assert main(["bench", str(folder), "--methods", "reco", "--limit", "1", "--json", str(file), *option]) == 0
        reports.append(json.loads(file.read_text()))
    text, code = (report["settings"]["authors_code"] for report in reports)
    assert text == {}
    assert code["span"] and code["vegetation_is_tree"]
    assert reports[0]["photos"] != reports[1]["photos"] or reports[0]["methods"] != reports[1]["methods"]
