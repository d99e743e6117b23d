"""Archives on the Hugging Face Hub: a dataset repository that holds an archive's files, its manifest and a card.

A push is one commit, so that every revision of the repository is a whole archive; a pull takes all files from one
commit, and believes none of them before its SHA-256 is the manifest's.
"""

import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from reco_core.archives import manifest as store
from reco_core.archives.archive import READ_ERRORS
from reco_core.archives.hub_card import card
from reco_core.archives.records import ChainedRecords, Records
from reco_core.archives.thumbnails import open_thumbnails
from reco_core.errors import ArchiveError, DownloadError, NoSpaceError, OptionError, RecoError
from reco_core.utils import download
from reco_core.utils.disk_space import full_disk_told, is_full, require_space
from reco_core.utils.hashing import sha256
from reco_core.utils.run_control import RunControl

CARD = "README.md"
KIND = "dataset"
PATIENCE = 20.0  # seconds until the hub counts as unreachable
MOST_MANIFEST = 50_000_000  # bytes
HASH = re.compile(r"[0-9a-f]{64}")
LOG_IN = "log in with `hf auth login`, or set HF_TOKEN to a token"


def push(
    folder: Path,
    repository: str,
    *,
    private: bool = False,
    token: str | None = None,
    endpoint: str | None = None,
    revision: str = "main",
    control: RunControl | None = None,
) -> str:
    """Upload an archive in one commit; returns its address. Files of an earlier version go in the same commit.

    What the hub has already is not uploaded again. Earlier commits keep what they held: after photos were taken down,
    the repository's owner squashes its history as well.

    Args:
        repository: "OWNER/NAME"; made if there is none.
        private: only for those whom its owner lets in. A repository that is public already is refused.
        token: default: that of `hf auth login` or HF_TOKEN.
        revision: a branch that exists.
        control: told the bytes uploaded and their total after each file, and asked before it.

    Raises:
        OptionError: the repository's name is none, or it is public and `private` was asked for. ArchiveError: the
        archive is missing or damaged, or was changed meanwhile. DownloadError: the hub cannot be reached, or refuses.
        Cancelled: `control` was cancelled; the repository is as it was.
    """
    control = control or RunControl()
    check_names(repository, token)
    manifest = store.read_manifest(folder)
    _check_files(folder, manifest, every_byte=True)
    text = _card(folder, manifest, repository)

    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    try:
        with hub_errors(repository, token):
            api, place = HfApi(endpoint=endpoint, token=token), dict[str, Any](repo_type=KIND, revision=revision)
            api.create_repo(repository, repo_type=KIND, private=private or None, exist_ok=True)
            info = api.dataset_info(repository, revision=revision, files_metadata=True, timeout=PATIENCE)
            if private and not info.private:
                raise OptionError(
                    "this repository is public already",
                    given=repository,
                    remedy="Make it private in its settings, or choose another name",
                )
            there = {file.rfilename: file.lfs.sha256 if file.lfs else "" for file in info.siblings or ()}
            files = {name: manifest.files[name] for name in sorted(manifest.named)}
            lacking = [name for name, file in files.items() if there.get(name) != file.sha256]
            added = [CommitOperationAdd(name, folder / name) for name in lacking]
            total, done = sum(files[file.path_in_repo].bytes for file in added), 0
            for file in added:
                control.raise_if_cancelled("the upload was cancelled", "The repository is as it was")
                api.preupload_lfs_files(repository, [file], free_memory=False, **place)
                done += files[file.path_in_repo].bytes
                control.report("bytes uploaded", done, total)
            stale = [name for name in there if store.CONTENT_NAME.fullmatch(name) and name not in files]
            texts = {store.MANIFEST: manifest.text(), CARD: text}
            changes: list[Any] = [*added, *(CommitOperationAdd(name, text.encode()) for name, text in texts.items())]
            changes += map(CommitOperationDelete, stale)
            message = f"ReCo archive of {manifest.photos:,} photos ({manifest.hash[:12]})"
            commit = api.create_commit(repository, changes, commit_message=message, parent_commit=info.sha, **place)
    except DownloadError:
        _check_files(folder, manifest)  # it may be for want of them
        raise
    return commit.commit_url


def pull(
    repository: str,
    out: Path,
    *,
    revision: str = "main",
    token: str | None = None,
    endpoint: str | None = None,
    control: RunControl | None = None,
) -> None:
    """Download an archive to a folder; one that is there is replaced in one step, or stays as it was.

    What came before an interruption is kept beside the folder, and the next call goes on from there, also when the
    repository has a newer version by then. Files that the archive in the folder has already are not fetched.

    Args:
        repository: "OWNER/NAME".
        revision: a branch, tag or commit.
        token: default: that of `hf auth login` or HF_TOKEN.
        control: told the bytes that came and their total.

    Raises:
        OptionError: the repository's name is none. DownloadError: the hub cannot be reached, or does not let you in.
        NoSpaceError: the disk is full. ArchiveError: the repository holds no archive, or files that are not those of
        its manifest; or the folder holds something else, or is being changed. Cancelled: `control` was cancelled.
    """
    control = control or RunControl()
    check_names(repository, token)
    out = out.absolute()

    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.utils import build_hf_headers

    address = partial(hf_hub_url, repository, repo_type=KIND, endpoint=endpoint)
    with hub_errors(repository, token):
        found = get_hf_file_metadata(address(store.MANIFEST, revision=revision), token=token, timeout=PATIENCE)
        headers = build_hf_headers(token=token)
    if not found.commit_hash:
        raise DownloadError("the server is no hub", given=repository, expected="an answer that names a commit")
    kept = out.parent / f".{out.name}-pulling"
    with store.changing(out) as work, download.client() as web, full_disk_told(out):
        # The client takes it off again where the hub redirects to another host.
        web.headers.update({name: value for name, value in headers.items() if name.lower() == "authorization"})
        url = partial(address, revision=found.commit_hash)
        download.download(url(store.MANIFEST), work / store.MANIFEST, web, most=MOST_MANIFEST)
        manifest = _read(work, repository)
        # Named by what they hold: parts of any version can be continued, and none is taken for another's.
        new = {name: kept / f"{file.sha256}-{name}" for name, file in _lacking(out, manifest).items()}
        _sweep(kept, new.values())
        total = sum(manifest.files[name].bytes for name in new)
        kept_bytes = sum(file.stat().st_size for file in kept.iterdir())
        require_space(out.parent, total - kept_bytes, "the archive")
        done = 0
        for name, target in new.items():
            _fetch(url(name), target, manifest.files[name], web, _after(done, total, control))
            done += manifest.files[name].bytes
        store.commit(out, manifest, {name: store.NewFile(path, manifest.files[name]) for name, path in new.items()})
        shutil.rmtree(kept, ignore_errors=True)


def check_names(repository: str, token: str | None) -> None:
    """Raise OptionError if a repository's name or a token is none, before anything is asked."""
    from huggingface_hub import get_token
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    try:
        validate_repo_id(repository)
        if repository.count("/") != 1:
            raise HFValidationError
    except HFValidationError as error:
        raise OptionError("this is no name of a repository", given=repository, expected="OWNER/NAME") from error
    known = get_token() if token is None else token
    if known is not None and not re.fullmatch("[!-~]+", known):  # clients quote headers that they cannot send
        raise OptionError("the token has characters that no token has", expected="hf_ and letters and digits")


@contextmanager
def hub_errors(repository: str, token: str | None) -> Iterator[None]:
    """What the hub's client raises, as our errors."""
    try:
        yield
    except RecoError:
        raise
    except Exception as error:  # its client raises many kinds
        raise _refused(repository, error, token) from error


def _refused(repository: str, error: BaseException, token: str | None) -> RecoError:
    from huggingface_hub import errors, get_token

    while isinstance(error, RuntimeError) and error.__cause__:  # so it wraps what went wrong in its threads
        error = error.__cause__
    reply = getattr(error, "response", None)
    status = reply.status_code if reply is not None else 0
    detail = f"status {status} {getattr(error, 'server_message', None) or ''}" if status else str(error)
    for secret in (token, get_token()):
        detail = detail.replace(secret, "***") if secret else detail
    given = f"{repository} ({type(error).__name__}: {detail.strip()})"
    if is_full(error):
        return NoSpaceError("the disk is full", given=given, remedy="Free some space and try again")
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return ArchiveError(
            "the repository holds no archive",
            given=given,
            expected=f"a {store.MANIFEST} in it",
            remedy="Check the name and the revision",
        )
    what, remedy = "the exchange with the Hugging Face Hub failed", "Try again later"
    if isinstance(error, errors.OfflineModeIsEnabled):
        what, remedy = "the Hugging Face Hub is switched off", "Unset HF_HUB_OFFLINE"
    elif isinstance(error, errors.RevisionNotFoundError):
        what, remedy = "the repository has no such revision", "Check its branches and tags"
    elif isinstance(error, errors.GatedRepoError):
        what, remedy = "access to this repository must be asked for", f"Ask on the repository's page, then {LOG_IN}"
    elif status in (401, 403) and not isinstance(error, errors.RepositoryNotFoundError):
        what, remedy = "the Hugging Face Hub does not permit this", f"Check the name; {LOG_IN} that permits it"
    elif status in (401, 403, 404):
        what, remedy = "there is no such dataset on the hub, or no access to it", f"Check its name; {LOG_IN}"
    elif status in (409, 412):
        what, remedy = "the repository was changed meanwhile", "Try again"
    elif not status and isinstance(error, OSError | errors.HTTPError):
        what, remedy = "the Hugging Face Hub cannot be reached", "Check the network and try again later"
    return DownloadError(what, given=given, remedy=remedy)


def _check_files(folder: Path, manifest: store.Manifest, every_byte: bool = False) -> None:
    for name, problem in store.check(folder, manifest, every_byte):
        if store.read_manifest(folder) == manifest:
            raise store.damaged(folder, name, problem)
        raise ArchiveError("the archive was changed while it was read", given=folder, remedy="Push it again")


def _card(folder: Path, manifest: store.Manifest, repository: str) -> str:
    try:
        records = ChainedRecords([Records(folder / part.files["photos"], part.photos) for part in manifest.parts])
        pictured = [open_thumbnails(folder, part) for part in manifest.parts]
        return card(manifest, records, repository, sum(part.count for part in pictured if part is not None))
    except READ_ERRORS as error:
        _check_files(folder, manifest)
        raise store.damaged(folder, "photos", error) from error


def _read(work: Path, repository: str) -> store.Manifest:
    """The manifest that came; nothing in it is believed before it is checked."""
    try:
        manifest = store.read_manifest(work)
        for file in manifest.files.values():
            if not HASH.fullmatch(file.sha256) or not isinstance(file.bytes, int) or file.bytes < 0:
                raise ValueError(f"no SHA-256 and size: {file}")
        manifest.text()  # counts licences
        return manifest
    except (ArchiveError, ValueError, TypeError, AttributeError) as error:
        raise ArchiveError(
            "the repository holds no archive that this version can read",
            given=f"{repository}: {error}",
            remedy="Ask who published it",
        ) from error


def _lacking(out: Path, manifest: store.Manifest) -> dict[str, store.File]:
    """The files that must be fetched: those that the folder does not hold already, byte for byte."""
    wrong = {name: manifest.files[name] for name, _ in store.check(out, manifest, every_byte=True)}
    for name in wrong:
        # Replacing a file that is not named by its contents would break the archive there.
        if (out / name).exists() and not store.CONTENT_NAME.fullmatch(name):
            raise ArchiveError(
                "the folder holds another file of this name", given=out / name, remedy="Choose a new folder"
            )
    return wrong


def _sweep(kept: Path, wanted: Iterable[Path]) -> None:
    """Delete what an earlier call left of files that are no longer wanted."""
    kept.mkdir(exist_ok=True)
    names = {file.name for file in wanted}
    for file in kept.iterdir():
        if file.name.removesuffix(".part") not in names:
            file.unlink()


def _fetch(url: str, target: Path, file: store.File, web: httpx.Client, control: RunControl) -> None:
    if target.is_file() and sha256(target) == file.sha256:  # it came with an earlier call
        control.report(target.name, file.bytes, file.bytes)
        return
    actual = download.download(url, target, web, most=file.bytes, control=control)
    if (actual, target.stat().st_size) != (file.sha256, file.bytes):
        raise ArchiveError(
            "a file of the repository is not what its manifest says",
            given=f"SHA-256 {actual} of {url}",
            expected=f"SHA-256 {file.sha256}, {file.bytes} bytes",
            remedy="Try again; if it stays so, tell who published it. Nothing was changed here",
        )


def _after(before: int, total: int, control: RunControl) -> RunControl:
    """A control for a file that comes after so many bytes."""
    return RunControl(lambda _, done, __: control.report("bytes downloaded", before + done, total), control)
