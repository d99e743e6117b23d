"""Smaller weights of an ONNX graph: half precision or a byte each, made floats again when the graph is loaded."""

from typing import Literal, NamedTuple, get_args

import numpy as np
import onnx
from onnx import helper, numpy_helper

Weights = Literal["float32", "float16", "int8"]
WEIGHTS: tuple[Weights, ...] = get_args(Weights)
LEAST = 1024  # numbers; smaller constants stay as they are
LEVELS = 127
GROUP = 16  # weights of one scale: half the error of one scale for a column, for an eighth more bytes


class Levels(NamedTuple):
    """values: int8, weights in groups (three axes). scales: float16 that broadcasts to them; their product is near."""

    values: np.ndarray
    scales: np.ndarray

    @property
    def product(self) -> np.ndarray:
        return self.values * self.scales.astype(np.float32)


def shrink(model: onnx.ModelProto, weights: Weights) -> None:
    """Store a graph's large constants smaller, in place.

    int8: matrices that something is multiplied by, in groups that have a scale each; what else is large becomes
    float16. Runtimes fold what makes them floats again when they load the graph.
    """
    if weights == "float32":
        return
    matrices = {node.input[1] for node in model.graph.node if node.op_type in ("MatMul", "Gemm")}
    made, before = [], []
    for constant in model.graph.initializer:
        values, name = numpy_helper.to_array(constant), constant.name
        if values.dtype != np.float32 or values.size < LEAST:
            made.append(constant)
        elif weights == "int8" and name in matrices and (levels := quantise(values)):
            made += [
                numpy_helper.from_array(levels.values, f"{name}.levels"),
                numpy_helper.from_array(levels.scales, f"{name}.scales"),
                numpy_helper.from_array(np.array(values.shape), f"{name}.shape"),
            ]
            before += [
                _floats(f"{name}.levels"),
                _floats(f"{name}.scales"),
                helper.make_node("Mul", [f"{name}.levels.float", f"{name}.scales.float"], [f"{name}.grouped"]),
                helper.make_node("Reshape", [f"{name}.grouped", f"{name}.shape"], [name]),
            ]
        else:
            made.append(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
            before.append(_floats(f"{name}.half", name))
    nodes = [*before, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(made)
    model.graph.node.extend(nodes)


def quantise(values: np.ndarray) -> Levels | None:
    """A matrix (n, m) float32 as whole numbers of -127..127, in groups along the axis that loses less.

    None if neither side is a multiple of `GROUP`, or it is no matrix.
    """
    if values.ndim != 2:
        return None
    n, m = values.shape
    shapes = [((n // GROUP, GROUP, m), 1)] if n % GROUP == 0 else []
    shapes += [((n, m // GROUP, GROUP), 2)] if m % GROUP == 0 else []
    ways = [_along(values.reshape(shape), axis) for shape, axis in shapes]
    return min(ways, key=lambda way: float(np.square(way.product.reshape(n, m) - values).sum()), default=None)


def _along(groups: np.ndarray, axis: int) -> Levels:
    largest = np.abs(groups).max(axis, keepdims=True)
    scales = np.maximum(largest / LEVELS, np.finfo(np.float16).tiny).astype(np.float16)
    values = np.clip(np.round(groups / scales.astype(np.float32)), -LEVELS, LEVELS)
    return Levels(values.astype(np.int8), scales)


def _floats(name: str, result: str = "") -> onnx.NodeProto:
    return helper.make_node("Cast", [name], [result or f"{name}.float"], to=onnx.TensorProto.FLOAT)
