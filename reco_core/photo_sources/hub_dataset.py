"""Photos of a dataset that the datasets library reads: of the Hugging Face hub, or of a folder."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from reco_core.errors import ArchiveError, DownloadError, PhotoError
from reco_core.photo_sources.credits import UNKNOWN, is_allowed, is_known, known_fields
from reco_core.photo_sources.fetch import MOST_BYTES
from reco_core.photo_sources.source import Source, is_file, too_large
from reco_core.types import PhotoRecord
from reco_core.utils.optional import import_optional
from reco_core.utils.photo_files import PHOTO_SUFFIXES

PATIENCE = 10.0  # seconds until the hub counts as unreachable
NAMES = "hf:OWNER/NAME, hf:OWNER/NAME:SPLIT or hf:FOLDER"
SAVED = ("state.json", "dataset_dict.json")  # what the library's save_to_disk leaves
Column = tuple[str, Any, str]  # a split's name, the dataset, and its column of images


def open_dataset(name: str, open_only: bool, cache: Path | None) -> Source:
    """The photos of "OWNER/NAME", "OWNER/NAME:SPLIT", or a folder; a dataset of the hub is downloaded first.

    cache: the folder for it; None leaves it to the library.

    Raises:
        DependencyError: the datasets library is missing. DownloadError: the hub cannot be reached. ArchiveError:
        there is no such dataset or split, it has no column of images, or no photo.
    """
    library = import_optional("datasets", "a Hugging Face dataset")
    name = os.path.expanduser(name)
    place, _, split = (name, "", "") if os.path.exists(name) else name.partition(":")
    folder = Path(place) if os.path.isdir(place) else None
    saved = str(cache / "datasets") if cache else None
    revision, licence = (None, "") if folder else _on_hub(place)
    try:
        if folder and any((folder / mark).is_file() for mark in SAVED):
            loaded = library.load_from_disk(place)
            loaded = loaded[split] if split else loaded
        else:
            loaded = library.load_dataset(place, split=split or None, revision=revision, cache_dir=saved)
    except ConnectionError as error:
        raise _unreachable(place, error) from error
    except Exception as error:  # builders of many formats raise many kinds
        given = f"{name} ({type(error).__name__}: {error})"
        raise ArchiveError("a dataset cannot be loaded", given=given, expected=NAMES) from error
    splits = loaded if isinstance(loaded, dict) else {str(loaded.split or "all"): loaded}
    columns = [_column(library, str(part), dataset, name) for part, dataset in splits.items()]
    return _Dataset(name, columns, folder, licence, open_only, _caches(library, saved))


class _Dataset(Source):
    """Splits, one after the other.

    folder: of a dataset on this machine. caches: where a dataset of the hub may have put files.
    """

    def __init__(
        self, name: str, columns: list[Column], folder: Path | None, licence: str, open_only: bool, caches: list[Path]
    ) -> None:
        self._places: list[tuple[Any, str, int]] = []
        self._caches = None if folder else caches
        self._lock = threading.Lock()
        records = []
        for part, dataset, column in columns:
            default = dataset.info.license or licence
            stated = {**UNKNOWN, **({"licence": default, "licence_scope": "collection"} if default else {})}
            for i, stated_by_row in enumerate(_rows(part, dataset, column, folder)):
                row = {**(UNKNOWN if "licence" in stated_by_row else stated), **stated_by_row}
                if is_allowed(row) or not open_only:
                    records.append(PhotoRecord.of(row))
                    self._places.append((dataset, column, i))
        super().__init__(f"hf:{name}", records, [dataset._fingerprint for _, dataset, _ in columns])

    def read(self, i: int) -> bytes:
        dataset, column, row = self._places[i]
        name = self.records[i].file
        try:
            with self._lock:  # the library does not say whether threads may share a dataset
                image = dataset[row][column] or {}
            data = image.get("bytes") or self._file(image.get("path") or "").read_bytes()
        except (OSError, ValueError) as error:
            raise PhotoError(f"{name} cannot be read from its dataset", given=error) from error
        if len(data) > MOST_BYTES:
            raise too_large(name, len(data))
        return data

    def _file(self, path: str) -> Path:
        """A row may name a file instead of holding its bytes; one of the hub has no business outside the caches."""
        file = Path(os.path.abspath(path))
        if not is_file(file) or not (self._caches is None or any(map(file.is_relative_to, self._caches))):
            raise FileNotFoundError(path or "no bytes and no path")
        return file


def _column(library: ModuleType, part: str, dataset: Any, name: str) -> Column:
    """Find the images, and have them undecoded."""
    column = next((c for c, feature in dataset.features.items() if isinstance(feature, library.Image)), None)
    if column is None:
        raise ArchiveError(
            "a dataset has no column of images",
            given=f"{name} with {', '.join(dataset.features)}",
            expected="a column of the type Image",
        )
    return part, dataset.cast_column(column, library.Image(decode=False)), column


def _rows(part: str, dataset: Any, column: str, folder: Path | None) -> Iterator[dict[str, str]]:
    """What the other columns say of each photo, and its name: its own, or its number."""
    compute = import_optional("pyarrow.compute", "a Hugging Face dataset")
    paths = compute.struct_field(dataset.data.column(column), "path").to_pylist()  # without touching the bytes
    columns = [c for c in dataset.column_names if c != column and is_known(c)]
    rows = dataset.select_columns(columns) if columns else [{}] * len(paths)
    for i, (path, row) in enumerate(zip(paths, rows, strict=True)):
        name = Path(path or "")
        if name.suffix.lower() not in PHOTO_SUFFIXES:
            name = Path(f"{i:08d}.jpg")
        elif folder and name.is_relative_to(folder.resolve()):
            name = name.relative_to(folder.resolve())
        else:
            name = Path(name.name)
        yield {**known_fields(row), "file": f"{part}/{name.as_posix()}"}


def _on_hub(name: str) -> tuple[str | None, str]:
    """A dataset's present revision and licence. Asked first, since the library itself tries for half a minute."""
    from huggingface_hub import HfApi, errors

    try:
        info = HfApi().dataset_info(name, timeout=PATIENCE)
    except errors.OfflineModeIsEnabled:
        return None, ""  # what is in the cache will do
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise ArchiveError(
            "there is no such dataset on the hub, or it is not public",
            given=name,
            expected=NAMES,
            remedy="Check the name; log in with hf auth login for a private one",
        ) from error
    except Exception as error:  # its client raises many kinds
        raise _unreachable(name, error) from error
    licence = info.card_data.get("license") if info.card_data else ""
    return info.sha, ", ".join(licence) if isinstance(licence, list) else str(licence or "")


def _unreachable(name: str, error: Exception) -> DownloadError:
    return DownloadError(
        "the Hugging Face hub cannot be reached",
        given=f"{name} ({type(error).__name__}: {error})",
        remedy="Check the network; with HF_HUB_OFFLINE=1 a dataset that came before is used",
    )


def _caches(library: ModuleType, chosen: str | None) -> list[Path]:
    from huggingface_hub import constants

    return [Path(os.path.abspath(c)) for c in (chosen, library.config.HF_DATASETS_CACHE, constants.HF_HUB_CACHE) if c]
