"""The rules of the code base that a reader relies on."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "reco_core"
# Lowest first: a module may import only from lines above its own, or from those left of it.
LAYERS = [
    "errors",
    "structures",
    "methods",
    "presets",
    "cosegmentation",
    "inference",
    "crf",
    "metrics",
    "visualise",
    "names",
    "mini",
    "dictionary",
    "denseclip",
    "attention",
    "windows",
    "regions",
    "marking",
    "checksums",
    "whole",
    "downloads",
    "weights",
    "text",
    "prompts",
    "photos",
    "datasets.dataset",
    "datasets.files",
    "datasets.folder",
    "datasets.cityscapes",
    "datasets.coco",
    "datasets.kitti_step",
    "datasets.pascal",
    "datasets.ade20k",
    "datasets.catalogue",
    "backbones",
    "clip",
    "encoders",
    "archives.fetch",
    "archives.credits",
    "archives.source",
    "datasets.imagenet",
    "archives.shards",
    "archives.tables",
    "archives.hub_dataset",
    "archives.sources",
    "archives.duplicates",
    "archives.embedding",
    "archives.codecs",
    "archives.batches",
    "archives.building",
    "archives.arrays",
    "archives.vectors",
    "archives.records",
    "archives.store",
    "archives.writer",
    "archives.archive",
    "archives.changes",
    "archives.references",
    "archives.card",
    "archives.remote",
    "archives.worker",
    "archives.cluster",
    "learning",
    "pipeline",
    "install",
    "report",
    "zeroguidance.clustering",
    "zeroguidance.naming",
    "zeroguidance.merging",
    "zeroguidance.embedding",
    "zeroguidance.vocabulary",
    "zeroguidance.discovery",
    "adaptation.recipe",
    "adaptation.network",
    "adaptation.labels",
    "adaptation.crops",
    "adaptation.curve",
    "adaptation.training",
    "adaptation.specialist",
    "adaptation.card",
    "adaptation.rare",
    "adaptation.job",
    "evaluation.variants",
    "evaluation.journal",
    "evaluation.bench",
    "evaluation.retrieval",
    "evaluation.reassignment",
    "evaluation.comparison",
    "evaluation.published",
    "evaluation.tables",
    "evaluation.plots",
    "steps",
    "options",
    "adapt_cli",
    "discover_cli",
    "archive_cli",
    "bench_cli",
    "cli",
    "__main__",
]
PACKAGES = ("adaptation", "archives", "datasets", "evaluation", "zeroguidance")
SOURCES = sorted(LIBRARY.rglob("*.py"))
APP = [ROOT / "app.py", *sorted((ROOT / "reco_app").rglob("*.py"))]


def module(file: Path) -> str:
    """A file's name among the layers: "photos", "archives.store"."""
    return ".".join(file.relative_to(LIBRARY).with_suffix("").parts)


def imports(file: Path) -> set[str]:
    """Modules of the library that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module in ("reco_core", *(f"reco_core.{p}" for p in PACKAGES)):
            package = node.module.partition(".")[2]
            found |= {f"{package}.{alias.name}".strip(".") for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("reco_core."):
            found.add(node.module.partition(".")[2])
        elif isinstance(node, ast.Import):
            found |= {a.name.partition(".")[2] for a in node.names if a.name.startswith("reco_core.")}
    return found


def test_every_module_has_its_layer():
    assert {module(file) for file in SOURCES} == {*LAYERS, "__init__", *(f"{package}.__init__" for package in PACKAGES)}


def test_every_package_is_installed():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert listed == ["reco_core", *(f"reco_core.{package}" for package in PACKAGES)]


@pytest.mark.parametrize("file", [f for f in SOURCES if f.stem != "__init__"], ids=module)
def test_imports_go_downward(file):
    allowed = set(LAYERS[: LAYERS.index(module(file))])
    assert imports(file) <= allowed


@pytest.mark.parametrize("file", [*SOURCES, *APP], ids=lambda f: f.stem)
def test_no_assert_print_pickle_or_bare_except(file):
    for node in ast.walk(ast.parse(file.read_text())):
        assert not isinstance(node, ast.Assert), f"assert in line {node.lineno}"
        called = node.func if isinstance(node, ast.Call) else None
        assert not (isinstance(called, ast.Name) and called.id == "print"), "print"
        assert not (isinstance(node, ast.ExceptHandler) and node.type is None), "bare except"
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
            assert not names & {"pickle", "dill", "joblib"}


@pytest.mark.parametrize("file", SOURCES, ids=lambda f: f.stem)
def test_pure_layers_know_no_files(file):
    if file.stem in (
        "cosegmentation",
        "inference",
        "metrics",
        "visualise",
        "names",
        "crf",
        "mini",
        "denseclip",
        "attention",
        "clustering",
        "naming",
        "merging",
        "windows",
        "regions",
        "marking",
    ):
        assert not re.search(r"\bopen\(|pathlib|\.cuda\(|os\.path", file.read_text())


@pytest.mark.parametrize("file", [*SOURCES, *APP], ids=lambda f: f.stem)
def test_one_noun_per_file(file):
    assert len(file.read_text().splitlines()) <= 330


def test_importing_the_library_has_no_side_effects():
    code = (
        "import sys, logging, torch; threads = torch.get_num_threads(); import reco_core.pipeline, reco_core.cli;"
        "sys.exit(bool(logging.getLogger().handlers or torch.get_num_threads() != threads or "
        "{'gradio', 'matplotlib'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_requirements_name_every_dependency_once_with_a_range():
    lines = [
        line
        for name in ("requirements.txt", "requirements-dev.txt", "requirements-data.txt", "requirements-cluster.txt")
        for line in (ROOT / name).read_text().splitlines()
        if line and not line.startswith(("#", "-r"))
    ]
    names = [re.split(r"[<>=!~]", line)[0] for line in lines]
    assert len(names) == len(set(names))
    assert all("," in line or "==" in line for line in lines)
