"""The rules of the code base that a reader relies on; those of ruff and of import-linter stand in pyproject.toml."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from reco_core import errors

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "reco_core").rglob("*.py"))
APP = [ROOT / "app.py", *sorted((ROOT / "reco_app").rglob("*.py"))]
OTHERS = sorted(file for folder in ("benchmarks", "tests", "tools") for file in (ROOT / folder).rglob("*.py"))
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)


def test_imports_go_downward_and_pure_modules_know_no_files():
    """The contracts of pyproject.toml."""
    done = run("-c", "from importlinter.cli import lint_imports_command as lint; lint()", "--no-cache", "--no-logo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_pure_modules_open_nothing_and_choose_no_device():
    """What import-linter cannot see: built-in `open`, and tensors sent to a GPU."""
    (contract,) = (one for one in SETTINGS["importlinter"]["contracts"] if one["id"] == "pure")
    places = [ROOT.joinpath(*module.split(".")) for module in contract["source_modules"]]
    files = [file for place in places for file in (sorted(place.glob("*.py")) or [place.with_suffix(".py")])]
    assert len(files) > 12
    wrong = [file.name for file in files if re.search(r"\bopen\(|\.cuda\(", file.read_text())]
    assert wrong == []


def test_the_linter_forbids_what_libraries_must_not_do(tmp_path):
    """Assertions, printing, unpickling and bare `except`, in library and app."""
    for folder in ("reco_core", "reco_app"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "bad.py").write_text(
            "import pickle\n\nimport joblib\n\nassert joblib\ntry:\n    print(pickle.loads(b''))\nexcept:\n    pass\n"
        )
    config = ["--config", str(ROOT / "pyproject.toml"), "--no-cache", "--output-format=concise"]
    done = run("-m", "ruff", "check", *config, str(tmp_path))
    for rule, times in {"S101": 1, "T201": 1, "S301": 1, "TID251": 2, "E722": 1}.items():
        assert done.stdout.count(f" {rule} ") == 2 * times, done.stdout


def test_every_error_says_what_was_given_or_expected_or_what_to_do():
    tree = {name for name, kind in vars(errors).items() if isinstance(kind, type)}
    wrong, raised = [], 0
    for file in (*SOURCES, *APP):
        for node in ast.walk(ast.parse(file.read_text())):
            name = getattr(getattr(node, "func", None), "id", getattr(getattr(node, "func", None), "attr", ""))
            if name in tree and isinstance(node, ast.Call):
                raised += 1
                if not {word.arg for word in node.keywords} & {"given", "expected", "remedy"}:
                    wrong.append(f"{file.relative_to(ROOT)}:{node.lineno}")
    assert raised > 200
    assert wrong == []


def test_files_are_short():
    lengths = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in (*SOURCES, *APP, *OTHERS)}
    assert {file: length for file, length in lengths.items() if length > 350} == {}


def test_importing_the_library_has_no_side_effects():
    code = (
        "import sys, logging, torch; threads = torch.get_num_threads(); import reco_core.pipeline, reco_core.cli.main;"
        "sys.exit(bool(logging.getLogger().handlers or torch.get_num_threads() != threads or "
        "{'gradio', 'matplotlib'} & {*sys.modules}))"
    )
    done = run("-c", code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
