"""Weights: found on this machine or fetched, verified, read, and loaded strictly."""

import argparse
import hashlib
import json
import logging
import re
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch
from filelock import FileLock
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from reco_core.errors import DownloadError, WeightsError
from reco_core.presets import Model, WeightFile
from reco_core.utils import download
from reco_core.utils.atomic_write import atomic_path, atomic_write
from reco_core.utils.hashing import weights_sha256
from reco_core.utils.paths import bundled_folder, cache_folder
from reco_core.utils.run_control import RunControl

log = logging.getLogger(__name__)
RECORD = "recorded.json"  # hashes of files whose authors publish none, as they were at the first download
CONTAINERS = ("state_dict", "model", "model_state_dict", "teacher")  # how training scripts wrap a state dict
PREFIXES = ("module.", "_orig_mod.", "backbone.")
# What published files hold beyond the network, by library: classifiers, and sizes that are no parameters.
EXTRA = {
    "mini": (),
    "open_clip": ("input_resolution", "context_length", "vocab_size"),
    "timm": ("head.", "head_dist.", "mask_token"),
}
FULL_HASH = re.compile("[0-9a-f]{64}")
SAMPLES = 1024  # values of a tensor that enter its fingerprint


@dataclass(frozen=True)
class Found:
    """A file of weights on this machine, verified."""

    path: Path
    file: WeightFile
    sha256: str


def place(file: WeightFile) -> str:
    """The file's path below a folder of weights; files of the hub have common names and get a folder each."""
    return f"{file.hub[0].split('/')[-1]}/{file.file}" if file.hub else file.file


def locate(model: Model, folder: Path | None = None) -> tuple[Path, WeightFile] | None:
    """The first of a model's files that is here: in `folder`, in the project, in our cache, in the hub's; or None.

    folder: may also be one file, which is then taken.
    """
    if folder is not None and folder.is_file():
        return folder, model.weights[0]
    for file in model.weights:
        ours = (
            folder and folder / place(file),
            bundled_folder() / file.file,
            cache_folder() / place(file),
            _in_hub(file),
        )
        for candidate in ours:
            if candidate and candidate.is_file():
                return candidate, file
    return None


def resolve(
    model: Model, folder: Path | None = None, *, fetch: bool = True, control: RunControl | None = None
) -> Found:
    """A model's weights, verified; downloaded if they are nowhere on this machine.

    Args:
        folder: looked into first; or one file, whose hash is not compared with the published one.
        fetch: whether to download.
        control: see `download.download`.

    Raises:
        WeightsError: not here and not to be had, or not the published file; says what to do.
        Cancelled: `control` was cancelled; what came so far is kept.
    """
    if folder is not None and not folder.exists():
        raise WeightsError("a model file is missing", given=folder, remedy="Check the path")
    here = locate(model, folder)
    if here:
        path, file = here
        return Found(path, file, _verified(path, file, check=path != folder))
    failures = []
    for file in model.weights if fetch else ():
        try:
            return _fetch(file, control)
        except DownloadError as error:
            failures.append(f"{urlsplit(address(file)).netloc}: {error.__cause__ or error}")
    first = model.weights[0]
    raise WeightsError(
        f"the weights of {model.name} are not on this machine" + (" and could not be fetched" if failures else ""),
        given="; ".join(failures) or None,
        remedy=f"With no network use preset mini, or put {place(first)} ({first.megabytes:.0f} MB, {address(first)}) "
        f"into {cache_folder()} or a folder named by --weights",
    )


def address(file: WeightFile) -> str:
    """Where a file can be downloaded."""
    if not file.hub:
        return file.source
    from huggingface_hub import hf_hub_url

    repository, revision = file.hub
    return hf_hub_url(repository, file.file, revision=revision)


def verify(path: Path, expected: str) -> str:
    """The file's SHA-256; WeightsError if it is missing or does not begin with `expected`."""
    actual = weights_sha256(path)
    if not actual.startswith(expected):
        raise WeightsError(
            f"{path.name} is not the published file",
            given=f"{path}, SHA-256 {actual}",
            expected=f"SHA-256 {expected}",
            remedy="Delete it and fetch it again",
        )
    return actual


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Tensors by name from safetensors, from a torch file (tensors only, no code is run), or from TorchScript.

    Containers and prefixes that training scripts add are taken off.

    Raises:
        WeightsError: the file cannot be read, or holds something else.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state: Any = _load_script(path) if _is_script(path) else _load(path)
    except (SafetensorError, OSError, RuntimeError, ValueError, EOFError, KeyError, AttributeError) as error:
        raise WeightsError(
            "a weights file cannot be read",
            given=f"{path.name}: {error}",
            expected="safetensors, or tensors saved by torch",
        ) from error
    except Exception as error:
        if type(error).__name__ != "UnpicklingError":  # named by its module, which nothing here imports
            raise
        raise WeightsError(
            "a weights file holds more than tensors",
            given=f"{path.name}: {error}",
            remedy="Save its state dict as safetensors",
        ) from error
    for name in CONTAINERS:
        if isinstance(state, dict) and isinstance(state.get(name), dict):
            state = state[name]
    for prefix in PREFIXES:
        if isinstance(state, dict) and any(str(key).startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError("a weights file holds no state dict", given=path.name, expected="tensors by name")
    return dict(state)


def write_tensors(
    tensors: dict[str, Tensor], file: Path, metadata: dict[str, str] | None = None, *, shared: bool = False
) -> None:
    """Write tensors by name as safetensors, completely or not at all; raises OSError. shared: see `atomic_path`."""
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    try:
        with atomic_path(file, shared=shared) as part:
            save_file(plain, part, metadata)
    except (OSError, SafetensorError) as error:  # the second is what it calls a full disk
        raise OSError(f"{file} could not be written: {error}") from error


def load_strictly(module: torch.nn.Module, state: dict[str, Tensor], library: str, name: str) -> None:
    """Load a state dict: every tensor of the network must be there, and nothing else but `EXTRA`.

    Raises:
        WeightsError: names or shapes differ; says which.
    """
    wanted = {key: value.shape for key, value in module.state_dict().items()}
    kept = {key: value for key, value in state.items() if key in wanted or not key.startswith(EXTRA[library])}
    wrong = [
        f"{key} {tuple(kept[key].shape)} for {tuple(wanted[key])}"
        for key in wanted.keys() & kept.keys()
        if kept[key].shape != wanted[key]
    ]
    problems = {
        "missing": wanted.keys() - kept.keys(),
        "unknown": kept.keys() - wanted.keys(),
        "of another shape": wrong,
    }
    problem = "; ".join(f"{len(keys)} {what}, such as {min(keys)}" for what, keys in problems.items() if keys)
    if problem:
        raise WeightsError("the weights do not fit the network", given=f"{name}: {problem}")
    module.load_state_dict(kept)  # copies value by value, so that half precision is widened without a second copy


def fingerprint(*parts: object) -> str:
    """What an archive remembers of its models: SHA-256 of settings and of state dicts, whatever file they came in.

    parts: state dicts enter by their tensors' names, shapes and up to 1,024 evenly spaced values; all else by its text.
    """
    digest = hashlib.sha256()
    for part in parts:
        if not isinstance(part, dict):
            digest.update(repr(part).encode())
            continue
        for key in sorted(part):
            flat = part[key].detach().flatten()
            digest.update(f"{key} {tuple(part[key].shape)}".encode())
            digest.update(flat[:: max(1, len(flat) // SAMPLES)].float().cpu().numpy().tobytes())
    return digest.hexdigest()


def _in_hub(file: WeightFile) -> Path | None:
    if not file.hub:
        return None
    from huggingface_hub import try_to_load_from_cache

    repository, revision = file.hub
    path = try_to_load_from_cache(repository, file.file, revision=revision)
    return Path(path) if isinstance(path, str) else None


def _verified(path: Path, file: WeightFile, check: bool) -> str:
    """Compare with the published hash; else with the record, or the hub's own name for the file; else record it now."""
    named = path.resolve().name  # the hub's cache names a large file by its SHA-256
    stated = named if FULL_HASH.fullmatch(named) else ""
    expected = file.sha256 or stated or _record().get(place(file), "")
    actual = verify(path, expected if check else "")
    if not expected and path.is_relative_to(cache_folder()):
        _remember(file, actual)
    return actual


def _fetch(file: WeightFile, control: RunControl | None) -> Found:
    target, url = cache_folder() / place(file), address(file)
    log.info("fetching %s, %.0f MB, licence %s, from %s", file.file, file.megabytes, file.licence, url)
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{target}.lock"), download.client() as web:
        if target.is_file():  # another process was faster
            return Found(target, file, _verified(target, file, check=True))
        expected = file.sha256 or _stated_by_hub(file, url)
        actual = download.download(url, target, web, sha256=expected, control=control)
        if not file.sha256:
            _remember(file, actual)
    return Found(target, file, actual)


def _remember(file: WeightFile, actual: str) -> None:
    log.warning("nobody publishes a hash of %s; recorded what came: %s", file.file, actual)
    with FileLock(cache_folder() / f"{RECORD}.lock"):
        kept = {**_record(), place(file): actual}
        atomic_write(cache_folder() / RECORD, json.dumps(kept, indent=1, sort_keys=True) + "\n")


def _stated_by_hub(file: WeightFile, url: str) -> str:
    """The SHA-256 that the hub states for a large file of one revision; "" if it states none."""
    if not file.hub:
        return ""
    from huggingface_hub import get_hf_file_metadata

    try:
        stated = get_hf_file_metadata(url).etag or ""
    except Exception as error:  # its client raises many kinds; without an answer the download will tell
        log.info("the hub states no hash of %s (%s)", file.file, type(error).__name__)
        return ""
    return stated if FULL_HASH.fullmatch(stated) else ""


def _record() -> dict[str, str]:
    file = cache_folder() / RECORD
    try:
        return json.loads(file.read_text()) if file.is_file() else {}
    except (OSError, ValueError) as error:
        raise WeightsError(
            "the record of hashes is damaged", given=f"{file} ({error})", remedy="Delete it and the weights beside it"
        ) from error


def _is_script(path: Path) -> bool:
    """Whether a file is TorchScript, as OpenAI's are: an archive that holds code."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name for name in archive.namelist())


def _load_script(path: Path) -> dict[str, Tensor]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch would have us export anew; these files are what they are
        return torch.jit.load(str(path), map_location="cpu").state_dict()


def _load(path: Path) -> Any:
    with torch.serialization.safe_globals([argparse.Namespace]):  # training scripts save their options beside
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
