"""Smaller weights are near, and become floats again when a graph is loaded."""

import gzip

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from reco_core.export.page.weights import LOW, STEP, in_steps, packed, shrink


def multiply(matrix: np.ndarray) -> onnx.ModelProto:
    """x (1, n) -> x @ matrix."""
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, side])
        for name, side in zip("xy", matrix.shape, strict=True)
    ]
    node = helper.make_node("MatMul", ["x", "matrix"], ["y"])
    made = helper.make_graph([node], "multiply", ends[:1], ends[1:], [numpy_helper.from_array(matrix, "matrix")])
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


@pytest.mark.parametrize(("weights", "error", "size"), [("float32", 1e-6, 4), ("float16", 1e-3, 2), ("steps", 1e-2, 2)])
def test_products_are_near(weights, error, size):
    rng = np.random.default_rng(0)
    matrix, x = rng.normal(size=(192, 96)).astype(np.float32), rng.normal(size=(1, 192)).astype(np.float32)
    model = multiply(matrix)
    shrink(model, weights)
    content = model.SerializeToString()
    (y,) = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"]).run(None, {"x": x})
    assert np.abs(y - x @ matrix).max() < error * np.abs(x @ matrix).max() + 1e-5
    assert len(content) < size * matrix.size + 1000


def test_steps_are_near_and_pack_well():
    values = np.random.default_rng(0).normal(size=(192, 768)).astype(np.float32)
    values[3, 3] = 15.0
    low, high, step = in_steps(values, STEP)
    assert (low.dtype, high.dtype) == (np.uint8, np.int8) and low.max() < LOW
    back = (low + LOW * high.astype(np.float32)) * step
    assert np.abs(back - values).max() <= 0.51 * step and step == pytest.approx(STEP, rel=0.01)
    model = multiply(values)
    shrink(model, "steps")
    assert 9 < 8 * len(packed(model)) / values.size < 10.2
    assert onnx.load_from_string(gzip.decompress(packed(model))) == model


def test_numbers_of_nothing():
    low, high, step = in_steps(np.zeros((40, 40), np.float32), STEP)
    assert not low.any() and not high.any() and step > 0
    assert in_steps(np.eye(4000, dtype=np.float32)[:3], STEP) is None


def test_a_transpose_is_not_stored():
    matrix = np.random.default_rng(0).normal(size=(64, 40)).astype(np.float32)
    model = multiply(matrix)
    model.graph.node.append(helper.make_node("MatMul", ["y", "back"], ["z"]))
    model.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(matrix.T), "back"))
    model.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 64]))
    shrink(model, "float32")
    assert [constant.name for constant in model.graph.initializer] == ["matrix"]
    x = np.ones((1, 64), np.float32)
    _, z = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(
        None, {"x": x}
    )
    np.testing.assert_allclose(z, x @ matrix @ matrix.T, atol=1e-3)


def test_small_constants_stay():
    model = multiply(np.eye(8, dtype=np.float32))
    before = model.SerializeToString()
    shrink(model, "steps")
    assert model.SerializeToString() == before
