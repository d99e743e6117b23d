"""A specialist's network: its encoders, and where their first weights are from."""

from dataclasses import replace

import pytest
import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save
from support.adapting import TINY
from support.recorder import Recorder

from reco_core.adaptation.deeplab import DeepLab, MiniPyramid, initialise, published_weights
from reco_core.errors import OptionError, WeightsError
from reco_core.models.mini_vit import KEY_BLOCK, project
from reco_core.utils.paths import bundled_folder

MOBILE = replace(TINY, encoder="mobilenet_v2")


@pytest.mark.parametrize("blocks", [12, 9])
def test_minis_backbone_is_mini(reco, blocks):
    """With its margin at the size that mini was trained on, its own blocks say the same of each patch."""
    model = DeepLab(replace(TINY, blocks=blocks), 2).eval()
    assert "mini" in initialise(model, replace(TINY, blocks=blocks))
    mini = reco.encoder.network
    photos = torch.rand(2, 3, 192, 192, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        before = tokens = mini.embed(F.pad(photos, [16] * 4, mode="reflect"))
        for index, block in enumerate(mini.vit.blocks[:blocks]):
            before, tokens = tokens, block(tokens)
            if index == KEY_BLOCK:
                keys = project(block, before, part=1)
        seen = [mini.vit.norm(tokens)]
        if blocks == 12:
            whole = mini.vit.norm(tokens[:, :1]).expand_as(tokens)
            seen = [mini.vit.norm(mini.last(before)), keys, whole]
        expected = torch.cat(seen, 2)[:, 1:].transpose(1, 2).unflatten(2, (14, 14))[..., 1:-1, 1:-1]
        same, _, edges, _, deep = model.encoder(photos)
    assert same is photos and edges.shape == (2, 32, 48, 48)
    torch.testing.assert_close(deep, expected, atol=2e-4, rtol=1e-4)


def test_minis_backbone_at_other_sizes():
    """Positions are stretched, and stay where they are: what changes on the right changes the right most."""
    pyramid = MiniPyramid(2).eval()
    photos = torch.rand(1, 3, 64, 256)
    other = photos.clone()
    other[..., 192:] = 0
    with torch.inference_mode():
        first, second = pyramid(photos)[-1], pyramid(other)[-1]
    assert first.shape == (1, 192, 4, 16)
    change = (first - second).norm(dim=1)[0].mean(0)
    assert change[12:].min() > 2 * change[:12].max()


def test_minis_weights_take_the_place_of_all_but_the_stem():
    """Every tensor of the backbone comes from mini's file; the stem is new."""
    torch.manual_seed(0)
    model = DeepLab(TINY, 2)
    before = {name: value.clone() for name, value in model.encoder.state_dict().items()}
    initialise(model, TINY)
    kept = load_file(
        next(file for file in (bundled_folder() / "assets" / "mini").glob("*.safetensors") if file.stat().st_size > 9e6)
    )
    known = {value.float().numpy().tobytes() for value in kept.values()}
    for name, value in model.encoder.state_dict().items():
        assert (value.numpy().tobytes() in known) != name.startswith("stem."), name
        assert torch.equal(value, before[name]) == name.startswith("stem."), name


@pytest.mark.parametrize("recipe", [TINY, MOBILE, replace(MOBILE, stride=8)], ids=["mini", "mobilenet", "stride 8"])
@pytest.mark.parametrize("size", [(32, 32), (96, 160), (224, 64)])
def test_scores_of_every_pixel(recipe, size):
    model = DeepLab(recipe, 65).eval()
    with torch.inference_mode():
        assert model(torch.rand(2, 3, *size)).shape == (2, 65, *size)


def test_photos_are_normalised_as_the_encoder_is_used_to():
    seen = {}
    for recipe in (TINY, MOBILE):
        model = DeepLab(recipe, 2).eval()
        model.encoder.register_forward_pre_hook(lambda _, args, of=recipe.encoder: seen.update({of: args[0]}))
        with torch.inference_mode():
            model(torch.full((1, 3, 64, 64), 0.25))
    assert (seen["mini"] == -0.5).all()
    expected = [(0.25 - mean) / std for mean, std in ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))]
    assert seen["mobilenet_v2"].mean((0, 2, 3)).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("encoder", ["resnet1o1", "", "vgg11", "densenet121", "xception"])
def test_encoders_that_do_not_fit(encoder):
    says = "does not fit DeepLabv3+" if encoder in smp.encoders.encoders else "unknown encoder.*resnet101"
    with pytest.raises(OptionError, match=says.replace("+", r"\+")):
        DeepLab(replace(TINY, encoder=encoder), 2)


def test_two_crops_are_the_least_that_can_be_learned_from():
    """Batch normalisation of a pooled map would have one value per channel; two are enough."""
    model = DeepLab(TINY, 2).train()
    with pytest.raises(ValueError, match="more than 1 value"):
        model(torch.rand(1, 3, 64, 64))
    assert model(torch.rand(2, 3, 64, 64)).isfinite().all()


@pytest.fixture
def hub(web, hurry, tmp_path, monkeypatch):
    """A hub on loopback that has nothing yet, and an empty cache."""
    from huggingface_hub import constants

    monkeypatch.setenv("RECO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "ENDPOINT", web.url(""))
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", web.url("/{repo_id}/resolve/{revision}/{filename}"))
    return web


def path_of(encoder: str) -> str:
    """Where a hub has an encoder's weights."""
    where = smp.encoders.encoders[encoder]["pretrained_settings"]["imagenet"]
    return f"/{where['repo_id']}/resolve/{where['revision']}/model.safetensors"


def test_published_weights_are_fetched_once_and_loaded_exactly(hub):
    torch.manual_seed(1)
    theirs = smp.encoders.get_encoder("mobilenet_v2", weights=None).state_dict()
    hub.files[path_of("mobilenet_v2")] = save({name: torch.rand_like(v.float()) for name, v in theirs.items()})
    sent = load_file_of(hub.files[path_of("mobilenet_v2")])
    for _ in range(2):
        model, control = DeepLab(MOBILE, 2), Recorder()
        assert initialise(model, MOBILE, control=control) == "smp-hub/mobilenet_v2.imagenet, from the hub"
        for name, value in model.encoder.state_dict().items():
            assert torch.equal(value.float(), sent[name].to(value.dtype).float()), name
    assert len(hub.asked[path_of("mobilenet_v2")]) == 1 and not control.reports


def load_file_of(data: bytes) -> dict[str, torch.Tensor]:
    from safetensors.torch import load

    return load(data)


def test_weights_that_do_not_fit_or_are_not_there(hub):
    hub.files[path_of("resnet18")] = save({"layer1.0.conv1.weight": torch.zeros(3, 3)})
    with pytest.raises(WeightsError, match="do not fit the network"):
        initialise(DeepLab(replace(TINY, encoder="resnet18"), 2), replace(TINY, encoder="resnet18"))
    with pytest.raises(WeightsError, match=r"could not be fetched.*preset mini"):
        initialise(DeepLab(MOBILE, 2), MOBILE)
    with pytest.raises(WeightsError, match="not on this machine"):
        initialise(DeepLab(MOBILE, 2), MOBILE, fetch=False)
    with pytest.raises(WeightsError, match="nobody publishes"):
        published_weights("dpn92")
