"""Archives pushed to a hub on loopback and pulled again: who may, what is sent, what comes back."""

import ast
import hashlib
import logging

import pytest
from support.hub_archives import NAME, TOKEN, asked, contents, largest, make, pull, push
from support.hub_server import Repository
from support.recorder import Recorder

from reco_core.archives import hub_sync
from reco_core.archives import manifest as store
from reco_core.errors import ArchiveError, DownloadError, OptionError
from reco_core.utils.paths import bundled_folder

pytestmark = pytest.mark.usefixtures("alone")


def test_what_was_pushed_comes_back_byte_for_byte(hub, tmp_path):
    manifest, there, back = make(tmp_path / "a"), Recorder(), Recorder()
    (tmp_path / "a" / "notes.txt").write_text("private")
    (tmp_path / "a" / f"features-{'0' * 16}.npy").write_text("left by a killed program")
    address = push(hub, tmp_path / "a", control=there)
    repository = hub.repositories[NAME]
    assert address == f"{hub.endpoint}/datasets/{NAME}/commit/{repository.branches['main']}"
    assert len(repository.commits) == 2  # the hub's own, and ours
    assert set(repository.tree) == {*manifest.named, "manifest.json", "README.md", ".gitattributes"}
    pull(hub, tmp_path / "b", control=back)
    assert set(contents(tmp_path / "b")) == {*manifest.named, "manifest.json"}
    assert contents(tmp_path / "b").items() <= contents(tmp_path / "a").items()
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b", ".a.lock", ".b.lock"}
    total = sum(file.bytes for file in manifest.files.values())
    assert there.reports[-1] == ("bytes uploaded", total, total)
    assert back.reports[-1] == ("bytes downloaded", total, total)
    assert back.reports == sorted(back.reports)


def test_the_bundled_archive(hub, tmp_path):
    bundled = bundled_folder() / "archives" / "mini"
    push(hub, bundled)
    pull(hub, tmp_path / "mini")
    manifest = store.read_manifest(bundled)
    assert store.read_manifest(tmp_path / "mini").hash == manifest.hash
    assert not list(store.check(tmp_path / "mini", manifest, every_byte=True))
    assert "7,053 photos" in hub.repositories[NAME].tree["README.md"][0].decode()


def test_nothing_is_uploaded_twice_and_stale_files_go(hub, tmp_path):
    make(tmp_path / "a")
    first = push(hub, tmp_path / "a")
    uploaded, repository = list(hub.put), hub.repositories[NAME]
    assert len(uploaded) == len(set(uploaded)) == 4
    hub.seen.clear()
    assert push(hub, tmp_path / "a") == first
    assert not [path for path in asked(hub, "POST", "PUT") if "lfs" in path]  # large files are not even read
    assert (hub.put, len(repository.commits)) == (uploaded, 2)

    hub.add(NAME, {path: data for path, (data, _) in repository.tree.items()} | {"notes.txt": b"of its owner"})
    manifest = make(tmp_path / "a", seed=1, photos=7)
    push(hub, tmp_path / "a")
    assert len(repository.commits) == 4
    assert set(repository.tree) == {*manifest.named, "manifest.json", "README.md", ".gitattributes", "notes.txt"}
    assert len(hub.put) == 7  # not the typical vectors, which are as they were
    assert "7 photos" in repository.tree["README.md"][0].decode()
    pull(hub, tmp_path / "b")
    assert store.read_manifest(tmp_path / "b") == manifest


def test_a_damaged_archive_is_never_pushed(hub, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "CHECKED_ON_OPENING", 0)
    make(tmp_path / "a")
    file = next((tmp_path / "a").glob("features-*"))
    file.write_bytes(largest(tmp_path / "a")[:-1] + b"!")
    with pytest.raises(ArchiveError, match=rf"{file.name} is damaged.*SHA-256 differs"):
        push(hub, tmp_path / "a")
    file.unlink()
    with pytest.raises(ArchiveError, match=rf"{file.name} is damaged.*missing"):
        push(hub, tmp_path / "a")
    with pytest.raises(ArchiveError, match="no archive here"):
        push(hub, tmp_path / "nowhere")
    assert not hub.seen


def test_an_archive_that_is_changed_while_it_is_pushed(hub, tmp_path):
    make(tmp_path / "a")
    hub.before[f"/api/datasets/{NAME}/revision/main"] = [lambda: make(tmp_path / "a", seed=1)]
    with pytest.raises(ArchiveError, match=r"changed while it was read.*Push it again"):
        push(hub, tmp_path / "a")
    assert set(hub.repositories[NAME].tree) == {".gitattributes"}
    push(hub, tmp_path / "a")
    pull(hub, tmp_path / "b")
    assert contents(tmp_path / "b") == contents(tmp_path / "a")


def test_private_means_private(hub, tmp_path):
    make(tmp_path / "a")
    push(hub, tmp_path / "a", private=True)
    assert hub.repositories[NAME].private
    with pytest.raises(DownloadError, match=r"no such dataset.*status 401.*hf auth login.*HF_TOKEN"):
        pull(hub, tmp_path / "b")
    pull(hub, tmp_path / "b", token=TOKEN)
    hub.repositories[NAME].private = False
    before = dict(hub.repositories[NAME].commits)
    make(tmp_path / "a", seed=1)
    with pytest.raises(OptionError, match="public already"):
        push(hub, tmp_path / "a", private=True)
    assert hub.repositories[NAME].commits == before


def test_the_token_goes_to_the_hub_alone(hub, tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    make(tmp_path / "a")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    push(hub, tmp_path / "a", private=True, token=None)
    hub.seen.clear()
    pull(hub, tmp_path / "b")
    told = {(host, authorization) for _, host, _, authorization in hub.seen}
    assert told == {("127.0.0.1", f"Bearer {TOKEN}"), ("localhost", "")}
    assert TOKEN not in caplog.text


def test_somebody_else_pushed_in_between(hub, tmp_path):
    make(tmp_path / "a")
    push(hub, tmp_path / "a")
    make(tmp_path / "a", seed=1)
    hub.before[f"/api/datasets/{NAME}/commit/main"] = [lambda: hub.add(NAME, {"theirs.txt": b"theirs"})]
    with pytest.raises(DownloadError, match=r"changed meanwhile.*Try again"):
        push(hub, tmp_path / "a")
    assert set(hub.repositories[NAME].tree) == {"theirs.txt"}


def test_an_upload_that_is_turned_away(hub, tmp_path):
    make(tmp_path / "a")
    hub.full = True
    with pytest.raises(DownloadError, match=r"does not permit this.*status 403 Your storage is used up"):
        push(hub, tmp_path / "a")
    assert set(hub.repositories[NAME].tree) == {".gitattributes"}


@pytest.mark.parametrize("token", [None, "hf_of_somebody_else"])
def test_who_may_not_push_is_told_so(hub, tmp_path, token, caplog):
    hub.echo = True
    make(tmp_path / "a")
    with pytest.raises(DownloadError, match=r"does not permit this.*status 401.*hf auth login.*HF_TOKEN") as caught:
        push(hub, tmp_path / "a", token=token)
    hub.add(NAME, {"theirs.txt": b"theirs"})
    with pytest.raises(DownloadError, match=r"does not permit this.*status 40[13].*hf auth login.*HF_TOKEN") as again:
        push(hub, tmp_path / "a", token=token)
    for text in (str(caught.value), str(again.value), caplog.text):
        assert "hf_of_somebody_else" not in text
    assert not hub.put


def test_who_may_not_pull_is_told_so(hub, tmp_path):
    for token, code in ((None, 401), (TOKEN, 404)):
        with pytest.raises(DownloadError, match=rf"no such dataset.*status {code}.*hf auth login.*HF_TOKEN"):
            pull(hub, tmp_path / "b", token=token)
    hub.add(NAME, {"manifest.json": b"{}"}).gated = True
    with pytest.raises(DownloadError, match=r"must be asked for.*hf auth login.*HF_TOKEN"):
        pull(hub, tmp_path / "b")
    hub.repositories["someone/else"] = Repository(private=True)
    with pytest.raises(DownloadError, match=r"no such dataset"):
        hub_sync.pull("someone/else", tmp_path / "b", endpoint=hub.endpoint, token="hf_wrong")
    assert not any(tmp_path.iterdir())


def test_no_hub(hub, tmp_path, monkeypatch):
    make(tmp_path / "a")
    hub.shutdown()
    hub.server_close()
    for act in (push, pull):
        with pytest.raises(DownloadError, match=r"cannot be reached.*someone/photos.*Check the network"):
            act(hub, tmp_path / "a")
    from huggingface_hub import constants
    from huggingface_hub.utils import close_session

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    close_session()  # it knows only when it is made
    for act in (push, pull):
        with pytest.raises(DownloadError, match=r"switched off.*HF_HUB_OFFLINE"):
            act(hub, tmp_path / "a")
    close_session()


@pytest.mark.parametrize(
    "name",
    [
        "photos",
        "a/b/c",
        "someone/ph otos",
        "../photos",
        "someone/..",
        "",
        "https://x/y",
        "someone/photos?x",
        "someone/photos.git",
    ],
)
def test_names_are_checked_before_anything_is_asked(hub, tmp_path, name):
    make(tmp_path / "a")
    with pytest.raises(OptionError, match="OWNER/NAME"):
        hub_sync.push(tmp_path / "a", name, token=TOKEN, endpoint=hub.endpoint)
    with pytest.raises(OptionError, match="OWNER/NAME"):
        hub_sync.pull(name, tmp_path / "b", endpoint=hub.endpoint)
    assert not hub.seen


def test_a_token_that_cannot_be_sent_is_not_shown(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_s\x01ret")
    for token in ("hf_s\nret", None):
        with pytest.raises(OptionError, match="characters") as caught:
            pull(hub, tmp_path / "b", token=token)
        assert "ret" not in str(caught.value)
    assert not hub.seen


@pytest.mark.parametrize("file", ["hub_sync.py", "hub_card.py"])
def test_the_hub_is_imported_when_it_is_needed(file):
    """It takes its time."""
    top = ast.parse((bundled_folder() / "reco_core" / "archives" / file).read_text()).body
    imported = {getattr(node, "module", None) or "" for node in top}
    imported |= {alias.name for node in top for alias in getattr(node, "names", [])}
    assert not [name for name in imported if name.startswith("huggingface_hub")]


def test_the_server_is_as_strict_as_the_hub(hub):
    """An upload under a wrong name is refused, or the tests above would show little."""
    import httpx

    oid = hashlib.sha256(b"right").hexdigest()
    assert httpx.put(f"{hub.endpoint}/lfs/{oid}", content=b"wrong").status_code == 400
    assert not hub.put
