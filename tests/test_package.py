"""The library as others get it: one import line, and a wheel that needs neither the clone nor a network."""

import importlib.util
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement
from PIL import Image

import reco_core
from reco_core.utils import paths

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = tuple(f"requirements{use}.txt" for use in ("", "-data", "-cluster", "-crf", "-dev"))
# Stands in a new environment: whatever wants the network is refused at once.
OFFLINE = """
import socket

def refuse(*_):
    raise OSError("this environment has no network")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
"""


def test_public_names():
    assert sorted(reco_core.__all__) == ["METHODS", "PRESETS", "ReCo", "RecoError", "Segmentation", "read_photo"]
    assert {*reco_core.__all__, "__version__"} <= {*dir(reco_core)}
    from reco_core import METHODS, PRESETS, ReCo, RecoError, Segmentation, errors, methods, pipeline, presets, types
    from reco_core.utils import images

    assert (ReCo, RecoError, Segmentation) == (pipeline.ReCo, errors.RecoError, types.Segmentation)
    assert METHODS is methods.METHODS and PRESETS is presets.PRESETS and reco_core.read_photo is images.read_photo
    with pytest.raises(AttributeError, match="module 'reco_core' has no attribute 'Reco'"):
        _ = reco_core.Reco
    with pytest.raises(ImportError, match="cannot import name 'Reco'"):
        exec("from reco_core import Reco")


def test_importing_is_cheap():
    """Nothing but the standard library, until a name is used."""
    code = (
        "import sys, importlib, typing; before = {*sys.modules}; import reco_core; dir(reco_core);"
        "loaded = {*sys.modules} - before - {'reco_core'}; assert not loaded, loaded;"
        "reco_core.RecoError; assert not {'torch', 'numpy'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def requirements(name: str) -> list[Requirement]:
    lines = (ROOT / name).read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-r"))]


def test_dependencies_are_named_once_with_a_range_that_was_tested():
    named = [requirement for file in REQUIREMENTS for requirement in requirements(file)]
    assert len({requirement.name.lower() for requirement in named}) == len(named)
    for requirement in named:
        operators = {part.operator for part in requirement.specifier}
        assert operators in ({">=", "<"}, {"=="}), f"{requirement} has no range"
        assert requirement.specifier.contains(version(requirement.name)), f"{requirement} is not what is tested here"
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert {Requirement(line) for line in build} <= {*requirements("requirements-dev.txt")}, "wheels of tests differ"


def here(*folders: str) -> dict[str, Path]:
    """The files of folders of the project, by path."""
    found = (file for folder in folders for file in (ROOT / folder).rglob("*") if file.is_file())
    return {file.relative_to(ROOT).as_posix(): file for file in found if file.suffix != ".pyc"}


def test_what_a_wheel_holds():
    """All of both packages, templates and styles too, and the bundled files where `paths` looks for them."""
    builder = WheelBuilder(str(ROOT))
    packed = {file.distribution_path: Path(file.path) for file in builder.recurse_included_files()}
    bundled = {f"reco_core/bundled/{path}": file for path, file in here("assets", "archives/mini").items()}
    code = {path: file for path, file in here("reco_core", "reco_app").items() if file.suffix not in (".pyi",)}
    assert {path: file.resolve() for path, file in packed.items()} == code | bundled
    assert len(bundled) >= 18
    assert "reco_core/py.typed" in code


def test_a_wheel_says_what_it_needs():
    core = WheelBuilder(str(ROOT)).metadata.core
    assert core.version == reco_core.__version__
    assert {Requirement(line) for line in core.dependencies} == {*requirements("requirements.txt")}
    extras = {name: {Requirement(line) for line in lines} for name, lines in core.optional_dependencies.items()}
    assert extras == {name: {*requirements(f"requirements-{name}.txt")} for name in ("data", "cluster", "crf")}
    for target in core.scripts.values():
        assert importlib.util.find_spec(target.partition(":")[0])


def test_how_to_cite_it():
    """This version, and the paper as the README has it."""
    cited = (ROOT / "CITATION.cff").read_text()
    assert f"version: {reco_core.__version__}\n" in cited.replace('"', "")
    assert f"\n## {reco_core.__version__}" in (ROOT / "CHANGELOG.md").read_text()
    title = re.search(r"title += {(.+)}", (ROOT / "README.md").read_text())
    assert title and f'title: "{title[1]}"' in cited


def test_where_files_lie(tmp_path, monkeypatch):
    """In a wheel below the package, else beside it; what is not bundled is in the user's cache, never beside."""
    monkeypatch.setenv("RECO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(paths, "_PACKAGE", tmp_path / "site-packages" / "reco_core")
    assert paths.bundled_folder() == tmp_path / "site-packages"
    inside = tmp_path / "site-packages" / "reco_core" / "bundled"
    (inside / "archives" / "mini").mkdir(parents=True)
    assert paths.bundled_folder() == inside
    assert paths.find_folder("archives/mini") == inside / "archives" / "mini"
    assert paths.find_folder("archives/clip") == tmp_path / "cache" / "archives" / "clip"
    monkeypatch.delenv("RECO_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert paths.find_folder("archives/clip") == tmp_path / "xdg" / "reco" / "archives" / "clip"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert paths.cache_folder() == tmp_path / "home" / ".cache" / "reco"


class Environment:
    """A new virtual environment without a network that has what this one has, except the project."""

    def __init__(self, folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
        self.bin = folder / "bin"
        (self.packages,) = folder.glob("lib/python*/site-packages")
        (self.packages / "offline.py").write_text(OFFLINE)
        (self.packages / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\nimport offline\n")

    def install(self, *what: str) -> None:
        pip = [sys.executable, "-m", "pip", "--python", str(self.bin / "python"), "install", "--quiet", "--no-index"]
        subprocess.run([*pip, "--no-deps", "--no-build-isolation", "--ignore-installed", *what], check=True)

    def run(self, *command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """A command, by its name in this environment, where none of the project's folders is on the path."""
        environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "RECO_CACHE")}
        environment["HOME"] = str(cwd / "home")
        command = (str(self.bin / command[0]), *command[1:])
        return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)

    def files(self) -> dict[str, tuple[int, int]]:
        """Size and time of change of what is installed here."""
        found = (file for file in self.packages.rglob("*") if file.is_file() and file.suffix != ".pyc")
        return {str(file): (file.stat().st_size, file.stat().st_mtime_ns) for file in found}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([*build, str(ROOT)], check=True)
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def expected(reco, cat) -> np.ndarray:
    """The cat's labels as this clone says them."""
    return reco.segment(cat, reco.prepare(["cat"], method="reco2_crf"), method="reco2_crf").labels


@pytest.mark.slow
@pytest.mark.parametrize("how", ["wheel", "editable"])
def test_an_installed_copy_segments_a_photo_without_a_network(how, request, tmp_path, photo, expected):
    environment = Environment(tmp_path / "env")
    environment.install(*([str(request.getfixturevalue("wheel"))] if how == "wheel" else ["-e", str(ROOT)]))
    before = environment.files()
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    done = environment.run("reco", "segment", str(photo), "cat", "--device", "cpu", "--out", "out", cwd=folder)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.asarray(Image.open(folder / "out" / "labels.png")), expected)
    code = (
        "import reco_core; from reco_core import utils; from reco_core.utils.paths import find_folder;"
        "print(reco_core.__file__, find_folder('archives/mini'), find_folder('archives/clip'), sep='\\n')"
    )
    module, bundled, cached = map(Path, environment.run("python", "-c", code, cwd=folder).stdout.split())
    top = environment.packages if how == "wheel" else ROOT
    assert module.is_relative_to(top) and bundled.is_relative_to(top)
    assert cached == folder / "home" / ".cache" / "reco" / "archives" / "clip"
    assert environment.files() == before, "something was written beside the code"
    refused = environment.run("reco", "install", "clip", "--yes", cwd=folder)
    assert refused.returncode == 2 and re.search("could not be fetched.*no network", refused.stderr)


@pytest.mark.slow
def test_the_clone_segments_a_photo_without_a_network(tmp_path, photo, expected):
    environment = Environment(tmp_path / "env")
    out = tmp_path / "out"
    arguments = ["segment", str(photo), "cat", "--device", "cpu", "--out", str(out)]
    done = environment.run("python", "-m", "reco_core", *arguments, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.asarray(Image.open(out / "labels.png")), expected)
