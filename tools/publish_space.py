"""The app as a Hugging Face Space: made if there is none, else brought to what lies here, in one commit.

    python tools/publish_space.py OWNER/NAME [--hardware cpu-upgrade] [--secret RECO_AUTH] [--variable RECO_LOG=json]

It needs a token that may write (`hf auth login`, or HF_TOKEN). The values of secrets are taken from the environment.
"""

import argparse
import hashlib
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from reco_core import __version__
from reco_core.archives.hub_sync import check_names, hub_errors
from reco_core.errors import RecoError

SENT = ("app.py", "requirements.txt", "LICENSE", "NOTICE", "reco_app", "reco_core", "assets", "archives/mini")
LEFT = ("__pycache__", ".pyi", ".lock", ".partial")  # parts of names of what is made while it runs
OWN = ".gitattributes"  # the hub's, which stays
FRONT = """---
title: ReCo
emoji: 🔎
colorFrom: pink
colorTo: gray
sdk: gradio
sdk_version: {gradio}
python_version: "3.11"
app_file: app.py
license: apache-2.0
short_description: Type names, see them in your photo
suggested_hardware: {hardware}
---

# ReCo: type names, see them in your photo

Version {version}. It runs with the model and the archive that lie here, and asks no other server.
Photos are deleted an hour after they were last used, and when the Space is restarted.
"""


def contents(hardware: str) -> dict[str, Path | bytes]:
    """What a Space holds, by path: the code, the bundled model and archive, and a card that says how to run them."""
    card = FRONT.format(gradio=version("gradio"), hardware=hardware, version=__version__)
    sent: dict[str, Path | bytes] = {"README.md": card.encode()}
    for place in (ROOT / name for name in SENT):
        for file in sorted(place.rglob("*")) if place.is_dir() else [place]:
            path = file.relative_to(ROOT).as_posix()
            if file.is_file() and not any(part in path for part in LEFT):
                sent[path] = file
    return sent


def publish(
    repository: str,
    *,
    hardware: str = "cpu-upgrade",
    secrets: dict[str, str] | None = None,
    variables: dict[str, str] | None = None,
    private: bool = False,
    token: str | None = None,
    endpoint: str | None = None,
) -> str:
    """Create or update a Space; returns its address.

    Secrets and variables come first, so that what needs a password never runs without; hardware comes last. What the
    hub has already is not sent again, and files that lie here no more go.

    Raises:
        OptionError: the repository's name is none. DownloadError: the hub cannot be reached, or refuses.
    """
    check_names(repository, token)

    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    kind = "space"
    with hub_errors(repository, token):
        api = HfApi(endpoint=endpoint, token=token)
        made = api.create_repo(repository, repo_type=kind, space_sdk="gradio", private=private or None, exist_ok=True)
        for name, value in (secrets or {}).items():
            api.add_space_secret(repository, name, value)
        for name, value in (variables or {}).items():
            api.add_space_variable(repository, name, value)
        info = api.repo_info(repository, repo_type=kind, revision="main", files_metadata=True)
        there = {file.rfilename: file.lfs.sha256 if file.lfs else file.blob_id for file in info.siblings or ()}
        here = contents(hardware)
        changes: list[Any] = [
            CommitOperationAdd(path, data) for path, data in here.items() if not _same(data, there.get(path))
        ]
        changes += [CommitOperationDelete(path) for path in there if path not in here and path != OWN]
        if changes:
            message = f"ReCo with {len(here)} files"
            api.create_commit(repository, changes, commit_message=message, repo_type=kind, parent_commit=info.sha)
        api.request_space_hardware(repository, hardware)
    return str(made)


def _same(data: Path | bytes, known: str | None) -> bool:
    """Whether the hub has these contents. known: what it says of its own: a SHA-256, or the name of a blob of Git."""
    raw = data.read_bytes() if isinstance(data, Path) else data
    blob = hashlib.sha1(b"blob %d\0" % len(raw) + raw, usedforsecurity=False)
    return known in (hashlib.sha256(raw).hexdigest(), blob.hexdigest())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository", help="OWNER/NAME")
    parser.add_argument("--hardware", default="cpu-upgrade", help="such as cpu-basic, cpu-upgrade, t4-small, zero-a10g")
    parser.add_argument("--secret", action="append", default=[], metavar="NAME", help="its value is in the environment")
    parser.add_argument("--variable", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--private", action="store_true")
    args = parser.parse_args()
    if lacking := [name for name in args.secret if not os.environ.get(name)]:
        parser.error(f"not in the environment: {', '.join(lacking)}")
    secrets = {name: os.environ[name] for name in args.secret}
    variables = dict(pair.split("=", 1) for pair in args.variable if "=" in pair)
    try:
        options = {"hardware": args.hardware, "secrets": secrets, "variables": variables, "private": args.private}
        print(publish(args.repository, **options))
    except RecoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
