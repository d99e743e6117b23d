"""A specialist: a trained network in a folder, that marks its names without ReCo, archive or text.

specialist.onnx          the network, for any runtime: photo (1, 3, H, W) float32 RGB in 0..1, sides multiples of 32
                         -> scores (1, K + 1, H, W), background first
specialist.safetensors   its weights, for PyTorch; not of ReCo itself, whose graph is another (`own_network`)
specialist.json          names, how it was trained, and the other two files' SHA-256
README.md, curve.png, examples.jpg   its card, for people
"""

import json
import logging
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from reco_core.adaptation import own_network
from reco_core.adaptation.deeplab import DeepLab
from reco_core.adaptation.labels import NONE
from reco_core.adaptation.recipe import Recipe
from reco_core.adaptation.start import Start
from reco_core.adaptation.training import network_input
from reco_core.errors import NamesError, OptionError, WeightsError
from reco_core.models.encoders import choose_device
from reco_core.models.weights import write_tensors
from reco_core.pipeline import working_photo
from reco_core.segmentation.presence import peak
from reco_core.types import MAX_LABELS, Concept, References, Segmentation
from reco_core.utils.atomic_write import atomic_write
from reco_core.utils.hashing import sha256
from reco_core.utils.images import resize_labels
from reco_core.utils.names import clean_names
from reco_core.utils.pixels import as_photo
from reco_core.utils.quiet_loggers import quiet_loggers

log = logging.getLogger(__name__)
FORMAT = 2
ABOUT, WEIGHTS, GRAPH = "specialist.json", "specialist.safetensors", "specialist.onnx"
TOLERANCE = 1e-3  # by which the exported network's scores may differ
FINE = 4  # stride of what the network says, before it is enlarged
CHECKED = ((320, 448), (256, 256), (96, 416))  # sizes at which they are compared


class Specialist:
    """A trained network, ready for photos; read-only, so that any number of users can share it.

    about: specialist.json. names: what it marks, in the order of the labels. own: it is ReCo itself, see `own_network`.
    """

    def __init__(self, folder: Path, device: str | None = None) -> None:
        """Load a specialist: with onnxruntime on a CPU, with PyTorch elsewhere.

        device: default: the GPU if there is one.

        Raises:
            WeightsError: the folder holds none, or its files are damaged. OptionError: the device cannot be used.
        """
        self.folder, self.device = Path(folder), choose_device(device)
        self.about = read_about(self.folder)
        try:
            self.names = tuple(clean_names(self.about["names"], MAX_LABELS))
            self.recipe = Recipe.of(self.about["recipe"])
            self.own = bool(self.about.get("own"))
            file = GRAPH if self.device == "cpu" or self.own else WEIGHTS
            if sha256(self.folder / file) != self.about["files"][file]:
                raise ValueError(f"{file} differs from what {ABOUT} says")
        except (OSError, KeyError, AttributeError, TypeError, ValueError, NamesError, OptionError) as error:
            raise damaged(self.folder, error) from error
        self._network = None if self.device == "cpu" or self.own else self.network()
        self._session = _open(self.folder / GRAPH) if self._network is None else None

    def scores(self, photo: np.ndarray, side: int = 0) -> Tensor:
        """Probabilities (K + 1, h, w) float32, background first, of a photo (H, W, 3) uint8 RGB at the network's size.

        photo: or what `as_photo` makes it of. side: another short side for the network than its recipe's. ReCo itself
        has its own side, and says them at the size of the `working_photo`.
        """
        if self.own:
            return own_network.ask(self._session, working_photo(as_photo(photo)))[2]
        image = network_input(as_photo(photo), side or self.recipe.side)
        if self._session is not None:
            return torch.from_numpy(self._session.run(None, {"photo": image.numpy()})[0])[0].softmax(0)
        with torch.inference_mode():
            return self._network(image.to(self.device))[0].softmax(0).cpu()  # type: ignore[misc]

    def segment(self, photo: np.ndarray) -> Segmentation:
        """Mark its names in a photo (H, W, 3) uint8 RGB, or what `as_photo` makes it of. Presence is the mean
        probability of the best hundredth of positions. Raises PhotoError: it is no photo.
        """
        started, photo = time.perf_counter(), as_photo(photo)
        working = working_photo(photo)
        if self.own:
            labels, presence, said = own_network.ask(self._session, working)
            scores = said.numpy()
        else:
            small = self.scores(working)
            presence = tuple(peak(small[1:, ::FINE, ::FINE]).tolist())
            scores = F.interpolate(small[None], size=working.shape[:2], mode="bilinear", align_corners=False)[0].numpy()
            labels = scores.argmax(0).astype(np.uint8)  # numpy's argmax is the faster one
        labels = resize_labels(labels, photo.shape[:2])
        timings = {"specialist": time.perf_counter() - started}
        # Its names are concepts that know nothing of archives.
        references = References(tuple(Concept(name, torch.empty(0), torch.empty(0)) for name in self.names))
        return Segmentation(labels, scores, references, presence, timings)

    def network(self) -> DeepLab:
        """Its network, in eval mode, on its device. Raises WeightsError: its file is damaged, or it is ReCo itself."""
        try:
            state = load_file(self.folder / WEIGHTS)
            with torch.random.fork_rng(devices=[]):  # its random weights are replaced; the caller's random numbers stay
                rows = len(state.get("start.known", ()))
                start = Start(len(self.names), rows) if rows else None
                network = DeepLab(self.recipe, len(self.names) + 1, start)
            network.load_state_dict(state)
        except (OSError, SafetensorError, RuntimeError) as error:
            raise damaged(self.folder, error) from error
        return network.to(self.device).eval()


def read_about(folder: Path) -> dict[str, Any]:
    """What a folder says of its specialist.

    Raises:
        WeightsError: it holds none, or one of another format.
    """
    file = folder / ABOUT
    if not file.is_file():
        raise WeightsError(
            "there is no specialist here",
            given=folder,
            expected=f"a folder with {ABOUT}",
            remedy='Make one: reco adapt PHOTOS "names" --out FOLDER',
        )
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
        if about["format"] != FORMAT:
            raise ValueError(f"format {about['format']} in place of {FORMAT}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise damaged(folder, error) from error
    return about


def damaged(folder: Path, error: object) -> WeightsError:
    return WeightsError(
        "the specialist is damaged or of another version",
        given=f"{folder}: {error}",
        remedy="Copy it again, or train it again",
    )


def write(network: DeepLab, recipe: Recipe, about: dict[str, Any], folder: Path) -> None:
    """Write a network in eval mode and what is known of it.

    about: needs "names"; gets format, recipe and files. specialist.json comes last: with it the folder is whole.

    Raises:
        WeightsError: the exported network says something else. OSError: the disk is full.
    """
    network = network.cpu()
    write_tensors(network.state_dict(), folder / WEIGHTS)
    export(network, about["names"], folder / GRAPH)
    difference = compare(network, folder / GRAPH)
    if difference > TOLERANCE:
        raise WeightsError(
            "the exported network differs from the trained one",
            given=f"{difference:.1e}",
            expected=f"at most {TOLERANCE:.0e}",
            remedy="Please report this",
        )
    files = {name: sha256(folder / name) for name in (WEIGHTS, GRAPH)}
    written = {"format": FORMAT, **about, "recipe": asdict(recipe), "onnx_difference": difference, "files": files}
    atomic_write(folder / ABOUT, json.dumps(written, indent=1, ensure_ascii=False) + "\n")


def write_own(graph: Any, recipe: Recipe, about: dict[str, Any], folder: Path) -> None:
    """Write ReCo itself, as `own_network.graph_of` made it; otherwise as `write`. Raises OSError: the disk is full."""
    (folder / GRAPH).write_bytes(graph.SerializeToString())
    files = {GRAPH: sha256(folder / GRAPH)}
    written = {"format": FORMAT, **about, "recipe": asdict(recipe), "own": True, "files": files}
    atomic_write(folder / ABOUT, json.dumps(written, indent=1, ensure_ascii=False) + "\n")


def export(network: DeepLab, names: list[str] | tuple[str, ...], file: Path) -> None:
    """Write a network in eval mode as ONNX, for photos of any size; the names are in its metadata."""
    photo, side = (torch.zeros(1, 3, *CHECKED[0]),), torch.export.Dim.DYNAMIC
    sizes, ends = {"photos": {2: side, 3: side}}, dict[str, Any](input_names=["photo"], output_names=["scores"])
    with quiet_loggers(logging.WARNING, "onnx_ir", "onnxscript"):  # they tell of every constant that they merge
        program: Any = torch.onnx.export(network, photo, **ends, dynamic_shapes=sizes, opset_version=18, verbose=False)
    program.model.metadata_props["names"] = json.dumps([NONE, *names], ensure_ascii=False)
    program.save(file, external_data=False)


def compare(network: DeepLab, file: Path) -> float:
    """The largest difference between the scores of a network and of its export, on noise of several sizes.

    Scores are logits without bounds: where the largest is above 1, differences are shares of it.
    """
    session = _open(file)
    largest = 0.0
    for i, size in enumerate(CHECKED):
        photo = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(i))
        with torch.inference_mode():
            ours = network(photo).numpy()
        theirs = session.run(None, {"photo": photo.numpy()})[0]
        largest = max(largest, float(np.abs(theirs - ours).max() / max(1.0, np.abs(ours).max())))
    return largest


def _open(file: Path) -> Any:
    """A session of onnxruntime on the CPU."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # else it tells its makers of every session
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # spinning threads slow all others
    try:
        return onnxruntime.InferenceSession(file.read_bytes(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no common class
        raise damaged(file.parent, error) from error
