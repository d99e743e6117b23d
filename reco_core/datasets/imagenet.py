"""Photos with one class each, which retrieval is measured on: ImageNet's validation set, or folders of one's own."""

from dataclasses import dataclass
from pathlib import Path

from reco_core.datasets.dataset import require_path
from reco_core.errors import DatasetError
from reco_core.utils.photo_files import is_photo_file

WHERE = "https://www.image-net.org/download.php"
LAYOUT = "val/WNID/*.JPEG"


@dataclass(frozen=True)
class ClassedPhotos:
    """words: what each class is asked for as; two may share one. photos: each with the index of its class."""

    name: str
    words: tuple[str, ...]
    photos: tuple[tuple[Path, int], ...]

    def __post_init__(self) -> None:
        """Raises DatasetError if the parts do not fit together."""
        if not self.photos:
            raise DatasetError("there are no photos", given=self.name)
        if not all(0 <= index < len(self.words) for _, index in self.photos):
            raise DatasetError("a photo belongs to no class", given=self.name)


def open_imagenet(root: Path) -> ClassedPhotos:
    """ImageNet's validation set, a folder per class named by its WordNet id, as torchvision wants it.

    Asked for by open_clip's list of plain names, in which two classes are "missile" and two "sunglasses".
    Only classes that are there are asked for: of the full set 1,000.

    root: holds val/, or the folders themselves.

    Raises:
        DatasetError: there is no class folder, or no photo in any.
    """
    from open_clip.zero_shot_metadata import IMAGENET_CLASSNAMES
    from timm.data import ImageNetInfo

    names = dict(zip(sorted(ImageNetInfo("imagenet-1k").label_names()), IMAGENET_CLASSNAMES, strict=True))
    folder = root / "val" if (root / "val").is_dir() else require_path(root, "ImageNet's folder", WHERE)
    there = [wnid for wnid in names if (folder / wnid).is_dir()]
    words = [names[wnid] for wnid in there]
    remedy = f"Get it from {WHERE}, and sort the photos into folders as torchvision.datasets.ImageNet does"
    return _classed("imagenet", folder, there, words, LAYOUT, remedy)


def open_class_folder(root: Path) -> ClassedPhotos:
    """A folder of photos per class, named by what is asked for; underscores are spaces.

    Raises:
        DatasetError: there is no such folder, no photo in any, or two classes have the same words.
    """
    folder = require_path(root, "the folder of classes", "your own photos, a folder per class")
    there = sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    words = [" ".join(name.replace("_", " ").split()) for name in there]
    if len({word.casefold() for word in words}) < len(words):
        raise DatasetError("two classes have the same words", given=folder, expected="a folder per class")
    remedy = "Make a folder for each class, named by its words"
    return _classed(root.resolve().name, folder, there, words, "a folder of photos per class", remedy)


def _classed(name: str, folder: Path, there: list[str], words: list[str], expected: str, remedy: str) -> ClassedPhotos:
    """Photos of class folders; a folder without photos is no class."""
    found = [
        (word, files)
        for place, word in zip(there, words, strict=True)
        if (files := sorted(filter(is_photo_file, (folder / place).iterdir())))
    ]
    if not found:
        raise DatasetError("there are no photos in class folders", given=folder, expected=expected, remedy=remedy)
    photos = tuple((file, index) for index, (_, files) in enumerate(found) for file in files)
    return ClassedPhotos(name, tuple(word for word, _ in found), photos)
