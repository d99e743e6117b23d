"""Smaller weights of an ONNX graph, made floats again when the graph is loaded: half precision, or whole steps."""

import zlib
from typing import Literal, get_args

import numpy as np
import onnx
from onnx import helper, numpy_helper

Weights = Literal["float32", "float16", "steps"]
WEIGHTS: tuple[Weights, ...] = get_args(Weights)
LEAST = 1024  # numbers; smaller constants stay as they are
STEP = 0.005  # of a constant's root mean square: how finely its numbers are kept
COARSER = 2  # times that for matrices that make few numbers of many: there errors cancel
LOW = 32  # steps of the lower of two bytes; gzip packs either well, and both together to about ten bits


def shrink(model: onnx.ModelProto, weights: Weights) -> None:
    """Store a graph's large constants smaller, in place, and those that are others' transposes not at all.

    steps: a constant's numbers as whole multiples of one step, in two bytes that pack well. Runtimes fold what makes
    them floats again when they load the graph.
    """
    made, before = _without_transposes(model)
    multiplied = {node.input[1] for node in model.graph.node if node.op_type == "MatMul"}
    kept = []
    for constant in made:
        values, name = numpy_helper.to_array(constant), constant.name
        if weights == "float32" or values.dtype != np.float32 or values.size < LEAST:
            kept.append(constant)
            continue
        tall = name in multiplied and values.shape[0] > values.shape[1]
        stepped = in_steps(values, STEP * COARSER if tall else STEP) if weights == "steps" else None
        if stepped is None:
            kept.append(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
            before.insert(0, _floats(f"{name}.half", name))
        else:
            low, high, step = stepped
            parts = {"low": low, "high": high, "step": step, "steps": np.float32(LOW) * step}
            kept += [numpy_helper.from_array(part, f"{name}.{key}") for key, part in parts.items()]
            before[:0] = [
                *(_floats(f"{name}.{key}", f"{name}.{key}.float") for key in ("low", "high")),
                helper.make_node("Mul", [f"{name}.low.float", f"{name}.step"], [f"{name}.fine"]),
                helper.make_node("Mul", [f"{name}.high.float", f"{name}.steps"], [f"{name}.rough"]),
                helper.make_node("Add", [f"{name}.fine", f"{name}.rough"], [name]),
            ]
    nodes = [*before, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(nodes)


def packed(model: onnx.ModelProto) -> bytes:
    """A graph as gzip packs it best: where nothing is said twice, looking for it costs."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_FILTERED)
    return packer.compress(model.SerializeToString()) + packer.flush()


def in_steps(values: np.ndarray, fineness: float) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Numbers as (low + LOW high) step: uint8, int8, and a float32; fineness: of the step, see `STEP`.

    None if some are too large for that beside the others.
    """
    step = np.float32(fineness * np.sqrt(np.square(values).mean(dtype=np.float64)) or 1.0)
    if np.abs(values).max() > (128 * LOW - 1) * step:
        return None
    steps = np.round(values / step).astype(np.int16)
    return (steps % LOW).astype(np.uint8), (steps // LOW).astype(np.int8), np.asarray(step)


def _without_transposes(model: onnx.ModelProto) -> tuple[list[onnx.TensorProto], list[onnx.NodeProto]]:
    """The graph's constants that are no other one's transpose, and what makes those that are."""
    kept: dict[bytes, str] = {}
    made, nodes = [], []
    for constant in model.graph.initializer:
        values = numpy_helper.to_array(constant)
        if values.ndim == 2 and values.size >= LEAST:
            if other := kept.get(values.T.tobytes()):
                nodes.append(helper.make_node("Transpose", [other], [constant.name]))
                continue
            kept[values.tobytes()] = constant.name
        made.append(constant)
    return made, nodes


def _floats(name: str, result: str) -> onnx.NodeProto:
    return helper.make_node("Cast", [name], [result], to=onnx.TensorProto.FLOAT)
