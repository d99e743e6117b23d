"""What is hosted with: exact versions, licences, the image's steps in a bare folder, and words that stay true."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.server import ROOT, serving

DOCKERFILE = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if line and not line.startswith("#")]


def steps(kind: str) -> list[str]:
    """What follows a word of the Dockerfile, in order."""
    return [line.removeprefix(f"{kind} ") for line in DOCKERFILE if line.startswith(f"{kind} ")]


def command(kind: str) -> list[str]:
    """A command in brackets, with this Python in place of the image's."""
    words = json.loads(re.search(r"\[.*\]", steps(kind)[0])[0])
    return [sys.executable, *words[1:]] if words[0] == "python" else words


def environment() -> dict[str, str]:
    pairs = (pair.partition("=") for line in steps("ENV") for pair in shlex.split(line))
    return {name: value for name, _, value in pairs if name != "PATH"}


def test_the_lock_has_what_the_ranges_allow_with_hashes_and_no_address():
    text = (ROOT / "requirements.lock").read_text()
    pins: dict[str, list[str]] = {}
    for entry in re.split(r"\n(?=\S)", text):
        if not entry.startswith("#"):
            pinned = Requirement(entry.partition(" \\\n")[0])
            pins.setdefault(canonicalize_name(pinned.name), []).append(str(pinned.specifier).removeprefix("=="))
            assert re.findall(r"--hash=sha256:[0-9a-f]{64}", entry), entry
    wanted = [Requirement(line) for line in (ROOT / "requirements.txt").read_text().splitlines() if line[0] != "#"]
    for requirement in wanted:
        versions = pins[canonicalize_name(requirement.name)]
        assert all(requirement.specifier.contains(version) for version in versions), requirement
    assert "://" not in text and "-index" not in text.replace("--no-emit-index-url", "")


def test_the_notice_names_every_package_with_a_licence():
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import notice
    finally:
        sys.path.remove(str(ROOT / "tools"))
    said = dict(line.split(" | ")[:2] for line in (ROOT / "NOTICE").read_text().splitlines() if " | " in line)
    packages = notice.packages(ROOT / "requirements.txt")
    assert len(packages) > 80 and {"torch", "gradio", "starlette"} <= set(packages)
    assert set(packages) <= set(said)
    assert "UNKNOWN" not in said.values()


@pytest.fixture
def image(tmp_path) -> Path:
    """The folder that the Dockerfile's last stage makes."""
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert rules[0] == "*"
    kept = [rule[1:] for rule in rules if rule[0] == "!"]
    left = [rule.removeprefix("**/") for rule in rules if "**" in rule]
    folder = tmp_path / "app"
    for line in steps("COPY"):
        *sources, target = line.split()
        if "--from" in line or target == ".":
            continue
        for source in sources:
            assert source in kept, f"{source} is not sent to the builder"
            if (ROOT / source).is_dir():
                ignore = lambda _, names: [name for name in names if any(fnmatch(name, rule) for rule in left)]  # noqa: E731
                shutil.copytree(ROOT / source, folder / target, ignore=ignore)
            else:
                (folder / target).mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, folder / target)
    return folder


def test_the_image_runs_without_rights_and_from_the_lock():
    assert [step for step in steps("FROM") if "slim" not in step] == []
    assert steps("USER") == ["reco"] and DOCKERFILE.index("USER reco") < DOCKERFILE.index('CMD ["python", "app.py"]')
    assert any("--require-hashes -r requirements.lock" in step for step in steps("RUN"))
    assert environment()["GRADIO_SERVER_NAME"] == "0.0.0.0"


def test_the_image_has_what_the_app_needs(image):
    code = "from reco_app.launch import main; from reco_core.utils.paths import bundled_folder as b; print(b())"
    done = subprocess.run([sys.executable, "-c", code], cwd=image, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()) == image
    assert not [*image.rglob("tests"), *image.rglob(".git")]


@pytest.mark.slow
def test_the_image_starts_and_its_health_check_tells(image, tmp_path):
    check = {**os.environ, **environment()}
    (tmp_path / "temporary").mkdir()
    with serving(command("CMD"), tmp_path / "temporary", environment(), cwd=image) as url:
        check["GRADIO_SERVER_PORT"] = url.rstrip("/").rpartition(":")[2]
        codes = []
        while not codes or (codes[-1] != 0 and len(codes) < 60):
            codes.append(subprocess.run(command("HEALTHCHECK"), env=check, capture_output=True, check=False).returncode)
    assert codes[-1] == 0
    assert subprocess.run(command("HEALTHCHECK"), env=check, capture_output=True, check=False).returncode != 0


def test_what_is_documented_is_there():
    from reco_app.hosting.arguments import parse

    words = (ROOT / "docs" / "hosting.md").read_text()
    known = vars(parse([], {}))
    for argument in re.findall(r"\| `--([a-z-]+)", words):
        assert argument.replace("-", "_") in known
    for name in re.findall(r"`(reco_[a-z_]+)`", words):
        metrics = (ROOT / "reco_app" / "hosting" / "metrics.py").read_text()
        assert f'"{name.removesuffix("_total")}"' in metrics, name
    nginx = (ROOT / "docs" / "nginx.conf").read_text()
    assert nginx.count("{") == nginx.count("}")
    for line in ("proxy_buffering off", "X-Forwarded-For $remote_addr", "X-Forwarded-Host $host"):
        assert line in nginx
