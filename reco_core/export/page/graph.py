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

import json
import logging
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from reco_core.errors import OptionError
from reco_core.export.page.resize import resize
from reco_core.methods import Method
from reco_core.models.mini_encoder import MiniEncoder
from reco_core.pipeline import ReCo
from reco_core.presets import Preset
from reco_core.segmentation import refinement
from reco_core.types import References
from reco_core.utils.images import model_size
from reco_core.utils.quiet_loggers import quiet_loggers

OPSET = 20
INPUTS, CELLS, OUTPUTS = ("photo", "rows", "columns"), ("cell_rows", "cell_columns"), ("labels", "presence", "scores")
LEAST_PIXELS, MOST_PIXELS = 16, 8192  # of a photo's sides
LONGEST = 4  # aspect of what the network sees: see `images.MAX_ASPECT`


class PhotoGraph(nn.Module):
    """A ReCo, its references and a method, as one module; of the preset mini."""

    def __init__(self, reco: ReCo, references: References, method: Method) -> None:
        """Raises OptionError: a preset or a method that cannot become a graph."""
        super().__init__()
        encoder = reco.encoder
        if not isinstance(encoder, MiniEncoder):
            raise OptionError("this preset cannot be exported", given=encoder.preset.name, expected="mini")
        if method.refine not in ("", "fast_crf"):
            expected = "one without the paper's CRF"
            raise OptionError("this method cannot be exported", given=method.name, expected=expected)
        self.network = encoder.network
        self.encoder, self.scorer, self.references, self.method = encoder, reco.scorer, references, method

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
        seen = resize(photo, (rows.shape[0], columns.shape[0])).float() / 255
        mean, std = (torch.tensor(values) for values in (model.mean, model.std))
        encoded = self.encoder.encode_image(((seen - mean) / std).permute(2, 0, 1)[None])  # (1, 3, 16 h, 16 w)
        scores, log_odds = self.scorer.score(encoded, self.references, size, self.method.scoring)
        if cell_rows is None or cell_columns is None:
            labels = scores.argmax(0)
        else:
            grid = (cell_rows.shape[0], cell_columns.shape[0])
            labels = refinement.outlined(photo.permute(2, 0, 1).float() / 255, scores, grid)
        return labels.to(torch.uint8), log_odds.sigmoid(), scores


def to_onnx(reco: ReCo, references: References, method: Method) -> onnx.ModelProto:
    """Trace and fold: what depends on the names alone is a constant of the graph. Takes half a minute.

    Raises:
        OptionError: a preset or a method that cannot become a graph.
    """
    module, preset = PhotoGraph(reco, references, method).eval(), reco.encoder.preset
    patch, side, dim = preset.features.patch, preset.photo_side, torch.export.Dim
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
    if method.refine:
        inputs += [torch.zeros(41), torch.zeros(65)]
        sizes |= {name: {0: dim(name, min=2, max=refinement.POSITIONS)} for name in CELLS}
    names = (*INPUTS, *CELLS)[: len(inputs)]
    ends = dict[str, Any](input_names=names, output_names=OUTPUTS, dynamic_shapes=sizes)
    with quiet_loggers(logging.WARNING, "onnx_ir", "onnxscript"), torch.no_grad():
        program: Any = torch.onnx.export(module, tuple(inputs), **ends, opset_version=OPSET, verbose=False)
    model = _folded(program.model_proto)
    about = {"names": json.dumps(references.names, ensure_ascii=False), "method": method.name}
    onnx.helper.set_model_props(model, about)
    return model


def feeds(photo: np.ndarray, preset: Preset, method: Method) -> dict[str, np.ndarray]:
    """The graph's inputs for a photo (H, W, 3) uint8 of the size that labels are to have."""
    height, width = photo.shape[:2]
    sides: tuple[int, ...] = model_size(height, width, preset.photo_side, preset.features.patch)
    if method.refine:
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
