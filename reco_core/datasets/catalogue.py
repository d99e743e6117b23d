"""The data sets that `bench` measures on, by name: the tables of catalogue.toml."""

import tomllib
from collections.abc import Callable
from pathlib import Path

from reco_core.datasets.ade20k import open_ade20k
from reco_core.datasets.cityscapes import open_cityscapes
from reco_core.datasets.coco import open_coco
from reco_core.datasets.dataset import Dataset, DatasetInfo
from reco_core.datasets.folder import open_folder
from reco_core.datasets.kitti_step import open_kitti_step
from reco_core.datasets.pascal import open_pascal
from reco_core.errors import find
from reco_core.utils.tables import build

FILE = Path(__file__).with_suffix(".toml")
OPENERS: dict[str, Callable[[DatasetInfo, Path], Dataset]] = {
    "ade20k": open_ade20k,
    "cityscapes": open_cityscapes,
    "coco": open_coco,
    "folder": lambda about, root: open_folder(root),
    "kitti_step": open_kitti_step,
    "pascal": open_pascal,
}


class Adapter(DatasetInfo):
    """A data set that can be opened."""

    def open(self, root: Path) -> Dataset:
        """The labelled photos below a root. Raises DatasetError: says which file is missing, and where to get it."""
        return OPENERS[self.opener](self, root)


DATASETS: dict[str, Adapter] = {
    name: build(Adapter, {"name": name, **table}, f"{name} of {FILE.name}")
    for name, table in tomllib.loads(FILE.read_text(encoding="utf-8")).items()
}


def find_dataset(name: str, also: tuple[str, ...] = ()) -> Adapter:
    """The data set of this name.

    also: what else the caller knows, and the name may be meant for.

    Raises:
        OptionError: there is none; the message suggests the nearest.
    """
    return find(name, DATASETS | dict.fromkeys(also), "data set")
