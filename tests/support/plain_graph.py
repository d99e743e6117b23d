"""What stands for a traced graph where it need not run."""

import json

import onnx
from onnx import helper


def plain_graph(names: tuple[str, ...]) -> onnx.ModelProto:
    """A graph of nothing that says what `to_onnx` would say of these names."""
    model = helper.make_model(helper.make_graph([], "none", [], []))
    about = {"names": names, "side": 336, "patch": 16, "outlines": True}
    helper.set_model_props(model, {key: json.dumps(value) for key, value in about.items()})
    return model
