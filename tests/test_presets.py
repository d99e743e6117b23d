"""Presets and methods by name."""

import math
import re

import open_clip
import pytest
import timm

from reco_core.errors import OptionError
from reco_core.methods import METHODS, Learning, Method, Scoring, find_method
from reco_core.presets import FILE, PRESETS, RECORDED, Model, find_preset, read_presets


def test_switches_after_a_name():
    method = find_method("reco2-gate+crf")
    found = (method.name, method.scoring.gate, method.refine, method.scoring.affinity)
    assert found == ("reco2-gate+crf", False, "crf", True)
    assert METHODS["reco2"].scoring.gate
    assert not METHODS["reco2"].refine
    assert not find_method("reco2_crf-fast_crf").refine
    calibrated = find_method("reco2-calibrate")
    assert not calibrated.learning.calibrate
    assert not calibrated.scoring.calibrate
    assert find_method("reco_no_lgc") == METHODS["reco_no_lgc"]


def test_a_new_scorer_needs_no_switches(monkeypatch):
    monkeypatch.setitem(METHODS, "mine", Method("mine", "for this test", scoring=Scoring("mine")))
    assert find_method("mine+crf-context_elimination").refine == "crf"
    with pytest.raises(OptionError, match="unknown switch of mine"):
        find_method("mine-gate")


def test_reco_is_the_papers():
    reco = METHODS["reco"]
    assert reco.learning == Learning(True, True, calibrate=False, weigh_seeds=False, spare_context=False)
    assert reco.scoring == Scoring("reco", reference=True, language=True)
    assert not reco.refine


def test_learning_switches_tell_references_apart():
    assert METHODS["reco"].learning.changed == METHODS["denseclip"].learning.changed == ()
    assert METHODS["reco2"].learning.changed == ("calibrate", "spare_context", "weigh_seeds")
    assert METHODS["reco_no_ce"].learning.changed == ("context_elimination",)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("reco3", 'unknown method.*Did you mean "reco'),
        ("reco2-gat", 'unknown switch.*Did you mean "gate"'),
        ("reco2-", "unknown switch"),
        ("reco+gate", "unknown switch of reco"),
        ("denseclip-language", "unknown switch of denseclip"),
    ],
)
def test_unknown_names(name, message):
    with pytest.raises(OptionError, match=message):
        find_method(name)


def test_unknown_preset():
    with pytest.raises(OptionError, match='Did you mean "mini"'):
        find_preset("minni")


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("margin = 1", "margins = 1", r"unknown key in presets.mini of mine.toml.*margins.*photo_side"),
        ("patch = 16", "patch = 1.6", r"wrong value of patch of models.mini of mine.toml.*1\.6.*int"),
        ("mean = [0.5, 0.5, 0.5]", "mean = [0.5, 0.5]", "wrong value of mean of models.mini of mine.toml"),
        (
            'licence = "Apache-2.0"\nmegabytes',
            'licence = "Apache-2.0"\n# megabytes',
            "missing key in weights of models.mini of mine.toml.*megabytes",
        ),
        ('features = "mini"', 'features = "minni"', 'unknown model of mine.toml.*minni.*Did you mean "mini"'),
        ('like = "paper"', 'like = "papers"', "unknown earlier table"),
    ],
)
def test_a_mistake_in_the_tables_is_told_with_file_and_key(tmp_path, right, wrong, message):
    file = tmp_path / "mine.toml"
    file.write_text(FILE.read_text(encoding="utf-8").replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(OptionError, match=message):
        read_presets(file)


def every_model() -> list[tuple[str, Model]]:
    return [(preset.name, model) for preset in PRESETS.values() for model in preset.models]


@pytest.mark.parametrize(("preset", "model"), every_model())
def test_every_model_has_weights_licence_hash_and_citation(preset, model):
    assert model.weights
    assert len(model.citation) > 20
    for file in model.weights:
        assert file.licence in ("Apache-2.0", "MIT")  # free to use, commercially too
        assert file.megabytes > 0
        if file.hash_from == RECORDED:
            assert file.sha256 == ""
        else:
            assert re.fullmatch("[0-9a-f]{8}|[0-9a-f]{64}", file.sha256)
            assert file.hash_from
        if file is model.weights[0] and file.source.startswith("hub:"):
            assert re.fullmatch("[0-9a-f]{40}", file.source.partition("@")[2])  # one commit, not what main may become
        if file.source.startswith("https://openaipublic"):
            assert f"/{file.sha256}/" in file.source
            assert len(file.sha256) == 64
        elif len(file.sha256) == 8:
            assert file.file.endswith(f"-{file.sha256}.pth")  # as torch.hub names its files


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.name)
def test_every_preset_says_what_it_is(preset):
    assert preset.summary
    assert len(preset.citation) > 20
    assert preset.quality
    assert preset.method in METHODS
    assert all("{" in template for template in preset.templates)
    assert not preset.window or not preset.window % math.lcm(preset.language.patch, preset.features.patch)
    assert not preset.stride % math.lcm(preset.language.patch, preset.features.patch)
    assert preset.fitted == (preset.name == "mini")


@pytest.mark.parametrize(("preset", "model"), [pair for pair in every_model() if pair[1].library == "open_clip"])
def test_openais_models_are_as_open_clip_knows_them(preset, model):
    config = open_clip.get_pretrained_cfg(model.name, "openai")
    assert model.quick_gelu
    assert config["quick_gelu"] or model.name.startswith("RN")  # of ResNets only the text tower has the activation
    assert (model.mean, model.std) == (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD)
    assert model.weights[0].source == config["url"]
    assert model.weights[1].source == f"hub:{config['hf_hub'].rstrip('/')}@main"


@pytest.mark.parametrize(("preset", "model"), [pair for pair in every_model() if pair[1].library == "timm"])
def test_timms_models_are_as_timm_knows_them(preset, model, outlines):
    tags = timm.list_pretrained(f"{model.name}.*")
    configs = [timm.get_pretrained_cfg(tag) for tag in tags]
    assert (model.mean, model.std) in [(config.mean, config.std) for config in configs]
    network = outlines(PRESETS[preset]).features.network
    assert network.patch_embed.patch_size == (model.patch, model.patch)
    if "github.com" not in model.weights[0].source:  # trained by others than those timm knows
        source = model.weights[0].source.removeprefix("hub:").partition("@")[0]
        assert source in [config.url for config in configs] + [config.hf_hub_id for config in configs]
        assert any(config.license.lower() == model.weights[0].licence.lower() for config in configs)


@pytest.mark.parametrize("preset", ["paper", "paper_deit", "clip"])
def test_openais_text_and_image_towers_use_quick_gelu(preset, outlines):
    networks = outlines(PRESETS[preset])
    for clip in {networks.retrieval, networks.language}:
        kinds = {type(module).__name__ for module in clip.network.modules() if "GELU" in type(module).__name__}
        assert kinds == {"QuickGELU"}


@pytest.mark.parametrize("preset", ["paper", "paper_deit", "clip"])
def test_sizes_are_those_of_the_networks(preset, outlines):
    """Megabytes are told before a download: half precision for OpenAI's own files, full for all others."""
    chosen = PRESETS[preset]
    for part, model in zip(outlines(chosen).all, chosen.models, strict=True):
        millions = sum(parameter.numel() for parameter in part.network.parameters()) / 1e6
        each = 2 if model.library == "open_clip" else 4
        assert 0.99 * each * millions <= model.weights[0].megabytes <= 1.2 * each * millions
