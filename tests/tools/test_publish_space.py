"""A Space made and brought up to date, on a hub on loopback."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from huggingface_hub import constants
from packaging.requirements import Requirement
from packaging.version import Version
from support.hub_server import Hub

from reco_core.errors import DownloadError, OptionError

NAME, TOKEN = "someone/reco", "hf_owner"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def hub(monkeypatch, tmp_path, hurry) -> Iterator[Hub]:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    running = Hub()
    yield running
    running.shutdown()


@pytest.fixture
def space(tool, hub):
    """Publishes to the hub."""
    publish = tool("publish_space").publish
    return lambda **options: publish(NAME, **{"endpoint": hub.endpoint, "token": TOKEN, **options})


def test_it_is_made_with_all_that_it_needs(space, hub, tmp_path):
    address = space(secrets={"RECO_AUTH": "ada:love"}, variables={"RECO_LOG": "json"}, hardware="t4-small")
    assert address.endswith(NAME)
    repository = hub.repositories[NAME]
    settings = {"sdk": "gradio", "RECO_AUTH": "ada:love", "RECO_LOG": "json", "hardware": "t4-small"}
    assert repository.settings == settings
    front = yaml.safe_load(repository.tree["README.md"][0].decode().split("---")[1])
    assert (front["sdk"], front["app_file"], front["suggested_hardware"]) == ("gradio", "app.py", "t4-small")
    lines = repository.tree["requirements.txt"][0].decode().splitlines()
    (gradio,) = (Requirement(line) for line in lines if line.startswith("gradio"))
    assert gradio.specifier.contains(Version(front["sdk_version"]))
    assert len(front["short_description"]) <= 60  # the hub's bound

    for path, (data, _) in repository.tree.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    assert not [path for path in repository.tree if "__pycache__" in path or path.startswith("tests")]
    code = "from reco_core.utils.paths import bundled_folder as b; from reco_app import launch; print(b())"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()) == tmp_path
    mini = {path.relative_to(ROOT).as_posix() for path in (ROOT / "archives/mini").iterdir()}
    assert mini <= set(repository.tree)


def test_an_update_sends_what_changed_and_takes_away_what_went(space, hub):
    space()
    repository, sent = hub.repositories[NAME], len(hub.put)
    assert sent > 5 and len(repository.commits) == 2
    space()
    assert len(hub.put) == sent and len(repository.commits) == 2  # nothing changed
    tree = dict(repository.tree)
    repository.commit({**tree, "old.py": (b"old", False), "app.py": (b"another", False)})
    space(variables={"RECO_LOG": "text"})
    assert repository.tree == tree and len(hub.put) == sent
    assert repository.settings["RECO_LOG"] == "text"


def test_a_secret_is_there_before_what_it_protects(space, hub):
    asked = []
    hub.before[f"/api/spaces/{NAME}/commit/main"] = [lambda: asked.append(dict(hub.repositories[NAME].settings))]
    space(secrets={"RECO_AUTH": "ada:love"})
    assert asked[0]["RECO_AUTH"] == "ada:love"


def test_who_may_not_is_told_so(space, hub, tool):
    with pytest.raises(DownloadError, match=r"does not permit this.*hf auth login"):
        space(token="hf_of_somebody_else")
    with pytest.raises(OptionError, match="OWNER/NAME"):
        tool("publish_space").publish("reco", token=TOKEN, endpoint=hub.endpoint)
    assert not hub.repositories
