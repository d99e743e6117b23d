"""mini's transformer and MiniLM's against the libraries that have them too, and that those are not loaded."""

import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file
from timm.models.vision_transformer import VisionTransformer as Theirs
from transformers import BertConfig, BertModel

from reco_core.models import sentence_encoder
from reco_core.models.vit import VisionTransformer
from reco_core.utils.paths import bundled_folder


@torch.inference_mode()
@pytest.mark.parametrize("grid", [(4, 4), (2, 9)], ids=["as it was taught", "positions interpolated"])
def test_the_transformer_is_timms(grid):
    torch.manual_seed(0)
    ours = VisionTransformer(side=4, patch=8, width=24, depth=2, heads=3, names=5).eval()
    theirs = Theirs(32, 8, embed_dim=24, depth=2, num_heads=3, num_classes=5, dynamic_img_size=True).eval()
    theirs.load_state_dict(ours.state_dict())
    images = torch.randn(2, 3, 8 * grid[0], 8 * grid[1])
    said = ours.head(ours.norm(ours.blocks(ours.embed(images)))[:, 0])
    assert said.std() > 0.01
    torch.testing.assert_close(said, theirs(images), atol=1e-6, rtol=1e-5)


@torch.inference_mode()
def test_the_text_encoder_is_berts():
    """Also of texts of several lengths, where a mask says where they end."""
    folder = sentence_encoder.packaged()
    encode = sentence_encoder.MiniLM(folder)
    theirs = BertModel(BertConfig.from_json_file(folder / "config.json"), add_pooling_layer=False).eval()
    weights = load_file(folder / "model.safetensors")
    theirs.load_state_dict({name: weights[name] for name in theirs.state_dict()})
    batch = encode.tokenizer.encode_batch(["a cat", "a photograph of a very long street with many cars"])
    ids, mask = (torch.tensor([getattr(one, of) for one in batch]) for of in ("ids", "attention_mask"))
    expected = theirs(input_ids=ids, attention_mask=mask).last_hidden_state
    told = mask.bool()
    torch.testing.assert_close(encode.model(ids, mask)[told], expected[told], atol=1e-5, rtol=1e-4)


def test_mini_needs_no_library_of_models():
    """Their imports take four seconds and 200 MB, which its users need not give."""
    code = (
        "import sys; from reco_core import ReCo; ReCo.load('mini', device='cpu').prepare(['cat']);"
        "print(*sorted({'timm', 'open_clip', 'torchvision', 'transformers', 'torch._dynamo'} & {*sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=bundled_folder(), capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
