"""NOTICE: what is bundled, and the licences of all packages that requirements.txt brings, as they themselves say.

python tools/notice.py
"""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
HEAD = """ReCo
Licensed under the Apache License, Version 2.0 (LICENSE). Whence the bundled models, words and photos are, with their
licences, is in docs/models.md, reco_core/presets.toml and, photo by photo, in the archive itself. ONNX Runtime Web
(MIT) and its notices are in assets/onnxruntime-web.

It uses these packages, none of which is part of this repository. Made by tools/notice.py.
"""

SAID_ELSEWHERE = {"cuda-toolkit": "LicenseRef-NVIDIA-Proprietary"}  # on its page


def packages(file: Path) -> dict[str, Distribution]:
    """What a file of requirements brings to this machine, by name."""
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith(("#", "-r"))]
    found: dict[str, Distribution] = {}
    asked = [Requirement(line) for line in lines]
    while asked:
        requirement = asked.pop()
        name = canonicalize_name(requirement.name)
        extras = requirement.extras or {""}
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            known, found[name] = name in found, distribution(requirement.name)
        except PackageNotFoundError:
            continue
        if known and not requirement.extras:
            continue
        for line in found[name].requires or ():
            more = Requirement(line)
            if more.marker is None or any(more.marker.evaluate({"extra": extra}) for extra in extras):
                more.marker = None
                if canonicalize_name(more.name) not in found:
                    asked.append(more)
    return dict(sorted(found.items()))


def licence(package: Distribution) -> str:
    """What a package says its licence is; the classifiers where it quotes the whole text."""
    about = package.metadata
    said = (about.get("License-Expression") or about.get("License") or "").strip()
    said = "" if said.upper() == "UNKNOWN" else said
    if not said or "\n" in said or len(said) > 80:
        kinds = [kind.rpartition(" :: ")[2] for kind in about.get_all("Classifier") or () if kind.startswith("License")]
        said = ", ".join(kinds) or said.partition("\n")[0] or _by_text(package)
    return said


def address(package: Distribution) -> str:
    """Its home, as it says."""
    urls = dict(line.split(", ", 1) for line in package.metadata.get_all("Project-URL") or () if ", " in line)
    known = {name.lower(): url for name, url in urls.items()}
    first = next(
        (known[name] for name in ("homepage", "home", "repository", "source", "source code") if name in known), ""
    )
    return package.metadata.get("Home-page") or first or next(iter(urls.values()), "")


def _by_text(package: Distribution) -> str:
    """By the file of its licence."""
    for file in package.files or ():
        if re.search(r"(?i)licen[cs]e|copying", file.name):
            text = str(file.read_text(encoding="utf-8"))
            for sign, name in (("Apache License", "Apache-2.0"), ("Permission is hereby granted, free", "MIT")):
                if sign in text:
                    return name
    return SAID_ELSEWHERE.get(package.metadata["Name"], "UNKNOWN")


def lines() -> Iterator[str]:
    """A line for each package."""
    for name, package in packages(ROOT / "requirements.txt").items():
        yield " | ".join(filter(None, (name, licence(package), address(package))))


if __name__ == "__main__":
    (ROOT / "NOTICE").write_text(HEAD + "\n" + "\n".join(lines()) + "\n")
    sys.exit(0)
