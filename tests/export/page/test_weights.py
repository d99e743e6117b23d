"""Smaller weights are near, and become floats again when a graph is loaded."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from reco_core.export.page.weights import GROUP, quantise, shrink


def multiply(matrix: np.ndarray) -> onnx.ModelProto:
    """x (1, n) -> x @ matrix."""
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, side])
        for name, side in zip("xy", matrix.shape, strict=True)
    ]
    node = helper.make_node("MatMul", ["x", "matrix"], ["y"])
    made = helper.make_graph([node], "multiply", ends[:1], ends[1:], [numpy_helper.from_array(matrix, "matrix")])
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


@pytest.mark.parametrize(
    ("weights", "error", "size"), [("float32", 1e-6, 4), ("float16", 1e-3, 2), ("int8", 1e-2, 1.2)]
)
def test_products_are_near(weights, error, size):
    rng = np.random.default_rng(0)
    matrix, x = rng.normal(size=(192, 96)).astype(np.float32), rng.normal(size=(1, 192)).astype(np.float32)
    model = multiply(matrix)
    shrink(model, weights)
    content = model.SerializeToString()
    (y,) = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"]).run(None, {"x": x})
    assert np.abs(y - x @ matrix).max() < error * np.abs(x @ matrix).max() + 1e-5
    assert len(content) < size * matrix.size + 1000


def test_groups_keep_small_weights_beside_large_ones():
    matrix = np.random.default_rng(0).normal(size=(64, 40)).astype(np.float32)
    matrix[::8] *= 1000
    levels = quantise(matrix)
    assert levels.values.dtype == np.int8 and np.abs(levels.values).max() <= 127
    small = np.arange(64) % 8 > 0
    off = np.abs(levels.product.reshape(matrix.shape) - matrix)
    assert off.max() <= np.abs(matrix).max() / 250
    smooth = np.random.default_rng(1).normal(size=(64, 40)).astype(np.float32)
    near = quantise(smooth).product.reshape(smooth.shape)
    assert np.abs(near - smooth).mean() < 0.01 and small.any()


def test_what_has_no_groups_is_left():
    assert quantise(np.ones((GROUP + 1, GROUP - 1), np.float32)) is None
    assert quantise(np.ones(64, np.float32)) is None
    assert not quantise(np.zeros((GROUP, 3), np.float32)).product.any()


def test_small_constants_stay():
    model = multiply(np.eye(8, dtype=np.float32))
    before = model.SerializeToString()
    shrink(model, "int8")
    assert model.SerializeToString() == before
