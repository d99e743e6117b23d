"""ReCo with chosen names as one ONNX graph, for any runtime: traced from the code that segments in Python.

| input | |
|---|---|
| photo (H, W, 3) uint8 | RGB, at the size that labels are to have: `pipeline.working_photo` |
| rows (16 h,), columns (16 w,) float32 | their lengths say at what size the network sees it: `images.model_size` |
| cell_rows (y,), cell_columns (x,) float32 | with outlines: their lengths are `refinement.coarse_size` |

| output | |
|---|---|
| labels (H, W) uint8 | 0 the background, i the i-th name |
| presence (K,) float32 | 0..1 |
| scores (K + 1, H, W) float32 | what the argmax was taken of |
"""

import copy
import json
import logging
import math
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from reco_core.errors import OptionError
from reco_core.export.page.resize import resize
from reco_core.methods import Method
from reco_core.models.encoder import Encoder
from reco_core.models.mini_encoder import MiniEncoder
from reco_core.models.sentence_encoder import MiniLM
from reco_core.pipeline import WORKING_SIDE
from reco_core.segmentation import refinement
from reco_core.segmentation.scorers import PhotoScorer
from reco_core.types import References, Words
from reco_core.utils.images import model_size
from reco_core.utils.quiet_loggers import quiet_loggers

OPSET = 20
INPUTS, CELLS, OUTPUTS = ("photo", "rows", "columns"), ("cell_rows", "cell_columns"), ("labels", "presence", "scores")
LEAST_PIXELS, MOST_PIXELS = 16, 8192  # of a photo's sides
LONGEST = 4  # aspect of what the network sees: see `images.MAX_ASPECT`


class Graph(nn.Module):
    """What can be asked about photos, as one module: its `forward` takes the inputs and gives the outputs above.

    names: in the order of the labels. side, patch: at what short side the network sees photos, in multiples of what.
    outlines: whether it takes cells.
    """

    def __init__(self, names: tuple[str, ...], side: int, patch: int, outlines: bool) -> None:
        super().__init__()
        self.names, self.side, self.patch, self.outlines = names, side, patch, outlines

    def seen(self, photo: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """The photo as the network sees it: (h, w, 3) in 0..1."""
        return resize(photo, (rows.shape[0], columns.shape[0]), math.ceil(WORKING_SIDE / self.side)).float() / 255


class PhotoGraph(Graph):
    """What a ReCo of the preset mini has, references and a method."""

    def __init__(self, encoder: Encoder, scorer: PhotoScorer, references: References, method: Method) -> None:
        """Raises OptionError: a preset or a method that cannot become a graph."""
        if not isinstance(encoder, MiniEncoder):
            raise OptionError("this preset cannot be exported", given=encoder.preset.name, expected="mini")
        if method.refine not in ("", "fast_crf"):
            expected = "one without the paper's CRF"
            raise OptionError("this method cannot be exported", given=method.name, expected=expected)
        super().__init__(
            references.names, encoder.preset.photo_side, encoder.preset.features.patch, bool(method.refine)
        )
        network = copy.deepcopy(encoder.network).cpu()
        if any(one.dtype != torch.float32 for one in network.parameters()):  # for speed here; as stored it is exact
            network = MiniEncoder.load(encoder.preset).network
        self.network = network
        words = scorer.words
        spoken, no_text = encoder.spoken.cpu(), cast(MiniLM, None)  # names are texts already
        self.encoder = replace(encoder, device="cpu", network=self.network, spoken=spoken, text=no_text)
        self.scorer = replace(scorer, words=words and Words(*(part.cpu() for part in words)))
        self.references, self.method = references, method

    def forward(
        self,
        photo: Tensor,
        rows: Tensor,
        columns: Tensor,
        cell_rows: Tensor | None = None,
        cell_columns: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """See the top of this file."""
        model, size = self.encoder.preset.features, (photo.shape[0], photo.shape[1])
        seen = self.seen(photo, rows, columns)
        mean, std = (torch.tensor(values) for values in (model.mean, model.std))
        encoded = self.encoder.encode_image(((seen - mean) / std).permute(2, 0, 1)[None])  # (1, 3, 16 h, 16 w)
        scores, log_odds = self.scorer.score(encoded, self.references, size, self.method.scoring)
        if cell_rows is None or cell_columns is None:
            labels = scores.argmax(0)
        else:
            grid = (cell_rows.shape[0], cell_columns.shape[0])
            labels = refinement.outlined(photo.permute(2, 0, 1).float() / 255, scores, grid)
        return labels.to(torch.uint8), log_odds.sigmoid(), scores


def to_onnx(module: Graph) -> onnx.ModelProto:
    """Trace and fold: what depends on the names alone is a constant of the graph. Takes some 20 seconds.

    The module's names, side, patch and outlines are in the graph's metadata, as JSON.
    """
    side, patch, dim = module.side, module.patch, torch.export.Dim
    short, grids = side // patch, {"min": side // patch, "max": LONGEST * (side // patch) + 1}
    sizes: dict[str, Any] = {
        "photo": {
            0: dim("height", min=LEAST_PIXELS, max=MOST_PIXELS),
            1: dim("width", min=LEAST_PIXELS, max=MOST_PIXELS),
        },
        "rows": {0: patch * dim("h", **grids)},
        "columns": {0: patch * dim("w", **grids)},
    }
    inputs = [
        torch.zeros(90, 140, 3, dtype=torch.uint8),
        torch.zeros((short + 2) * patch),
        torch.zeros((short + 5) * patch),
    ]
    if module.outlines:
        inputs += [torch.zeros(41), torch.zeros(65)]
        sizes |= {name: {0: dim(name, min=2, max=refinement.POSITIONS)} for name in CELLS}
    names = (*INPUTS, *CELLS)[: len(inputs)]
    # ONNX Runtime folds as well as the exporter's optimizer, in a second in place of ten.
    ends = dict[str, Any](input_names=names, output_names=OUTPUTS, dynamic_shapes=sizes, optimize=False)
    with quiet_loggers(logging.ERROR, "onnx_ir", "onnxscript"), torch.no_grad():
        program: Any = torch.onnx.export(module.eval(), tuple(inputs), **ends, opset_version=OPSET, verbose=False)
    model = _folded(program.model_proto)
    about = {"names": module.names, "side": side, "patch": patch, "outlines": module.outlines}
    onnx.helper.set_model_props(model, {key: json.dumps(value, ensure_ascii=False) for key, value in about.items()})
    return model


def about(model: onnx.ModelProto) -> dict[str, Any]:
    """A graph's names, side, patch and outlines."""
    return {entry.key: json.loads(entry.value) for entry in model.metadata_props}


def feeds(photo: np.ndarray, about: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """A graph's inputs for a photo (H, W, 3) uint8 of the size that labels are to have; about: of the graph."""
    height, width = photo.shape[:2]
    sides: tuple[int, ...] = model_size(height, width, about["side"], about["patch"])
    if about["outlines"]:
        sides += refinement.coarse_size(height, width)
    lengths = zip((*INPUTS[1:], *CELLS), sides, strict=False)
    return {"photo": photo, **{name: np.zeros(side, np.float32) for name, side in lengths}}


def _folded(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same with constants in place of what is computed of constants alone."""
    import onnxruntime

    with tempfile.TemporaryDirectory() as scratch:
        file, options = Path(scratch) / "folded.onnx", onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(file)
        options.log_severity_level = 3
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        folded = onnx.load(file)
    used = {node.domain for node in folded.graph.node} | {""}
    kept = [opset for opset in folded.opset_import if opset.domain in used]
    del folded.opset_import[:]
    folded.opset_import.extend(kept)
    return folded
