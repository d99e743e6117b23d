"""Presets: which models play which role, with weights, licences and citations, as data."""

from dataclasses import dataclass, field, replace

from reco_core.errors import find
from reco_core.methods import Temperatures

RECORDED = "recorded at the first download"
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
IMAGENET_TEMPLATES = "{the 80 ImageNet templates of open_clip}"  # stands for them in a preset's templates


@dataclass(frozen=True)
class WeightFile:
    """One file of weights.

    file: its name, or its path below the project if it is bundled. source: an https address,
    "hub:OWNER/NAME@REVISION", or the tool that makes a bundled file. sha256: all 64 digits, the
    published prefix, or "" if no hash is published. hash_from: where it was published, or RECORDED.
    """

    file: str
    source: str
    sha256: str
    hash_from: str
    licence: str
    megabytes: float

    @property
    def hub(self) -> tuple[str, str] | None:
        """Repository and revision, if the source is the hub."""
        repository, _, revision = self.source.removeprefix("hub:").partition("@")
        return (repository, revision) if self.source.startswith("hub:") else None


@dataclass(frozen=True)
class Model:
    """A network and how photos enter it.

    name: as its library ("mini", "open_clip" or "timm") calls it. weights: the same weights from several
    places, the best first; any one of them is enough. mean, std: of RGB in 0..1. patch: pixels from
    one position of its maps to the next. archive_side: archive photos enter as centre crops of this size.
    readout: of open_clip models, how the last block becomes a language map (dense_clip.READOUTS);
    of timm models, "tokens" or "keys" of block `block`. quick_gelu: the activation of OpenAI's weights.
    """

    name: str
    library: str
    weights: tuple[WeightFile, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    patch: int
    archive_side: int
    citation: str
    readout: str = ""
    block: int = -1
    quick_gelu: bool = False


@dataclass(frozen=True)
class Preset:
    """A named choice of models and everything that belongs to them.

    retrieval: finds exemplars. language: makes text-aligned maps. features: co-segmentation features.
    A model that plays several roles is loaded and run once. vocabulary: a file beside them (mini's names).
    archive: its own archive, a path below the project. method: what users get by default.
    photo_side: short side of the user's photo for the models. margin: patches of mirrored photo
    around it. window, stride: when photo_side is set above window, photos are read in overlapping squares of
    window pixels, every stride (multiples of all patches).
    k: exemplars per concept. centre: share of the mean name embedding that is subtracted from text embeddings.
    words: temperature of cosines with a vocabulary's words, when segments are named (default: CLIP's own scale).
    unrelated: cosine of two unrelated names' texts; None: that of the context words, on average.
    presence: weights of `presence.log_odds`. in_archive_from: mean similarity of a name's five best exemplars
    below which the archive has no such thing. fitted: whether these two and the temperatures were
    measured with these weights; otherwise they are mini's, or taken from papers.
    quality: what to expect, and who says so.
    """

    name: str
    summary: str
    retrieval: Model
    language: Model
    features: Model
    templates: tuple[str, ...]
    archive: str
    citation: str
    quality: str
    method: str = "reco2"
    vocabulary: WeightFile | None = None
    photo_side: int = 336
    margin: int = 0
    window: int = 0
    stride: int = 0
    k: int = 20
    centre: float = 0.0
    unrelated: float | None = None
    presence: tuple[float, float, float, float] = (0.68, 1.51, 1.05, -3.07)
    in_archive_from: float = 0.35
    words: float = 0.01
    temperatures: Temperatures = field(default_factory=Temperatures)
    fitted: bool = False

    @property
    def models(self) -> tuple[Model, ...]:
        """The different models, in the order of the roles."""
        return tuple(dict.fromkeys((self.retrieval, self.language, self.features)))

    @property
    def windowed(self) -> bool:
        """Whether photos are read in windows."""
        return 0 < self.window < self.photo_side

    @property
    def one_text(self) -> bool:
        """Whether the text that searches archives is the one that language maps are compared with."""
        return self.retrieval == self.language

    @property
    def licences(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(model.weights[0].licence for model in self.models))

    @property
    def megabytes(self) -> float:
        """What the first choice of every model's weights weighs."""
        return sum(model.weights[0].megabytes for model in self.models)


MINI_NETWORK = Model(
    name="mini",
    library="mini",
    weights=(
        WeightFile(
            file="assets/mini/mini.safetensors",
            source="tools/train_mini.py and tools/train_titles.py",
            sha256="f55c27e178442b008c1da060df0e838716a42d6c7c3259d5ea53b4488419de96",
            hash_from="this repository",
            licence="Apache-2.0",
            megabytes=11.5,
        ),
    ),
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
    patch=16,
    archive_side=224,
    citation="This project; distilled from timm's vit_tiny_patch16_224.augreg_in21k_ft_in1k (Apache-2.0)",
)
MINI = Preset(
    name="mini",
    summary="bundled, no network needed: a 5.7 M-parameter ViT trained by this project",
    retrieval=MINI_NETWORK,
    language=MINI_NETWORK,
    features=MINI_NETWORK,
    vocabulary=WeightFile(
        file="assets/mini/names.safetensors",
        source="tools/name_embeddings.py",
        sha256="f257a2dea4976489005ca6f9708c2a79b8640e6f7cf4712421db59dabfe0ec89",
        hash_from="this repository",
        licence="Apache-2.0",
        megabytes=0.8,
    ),
    templates=("{}", "a photo of a {}.", "a picture of the {}.", "there is a {} in the scene."),
    archive="archives/mini",
    citation=MINI_NETWORK.citation,
    quality="measured: the tables of README.md",
    margin=1,
    centre=0.7,
    unrelated=0.0,
    words=0.065,  # as sure as it is right on held-out titled photos (tools/fit_naming.py)
    fitted=True,
)

_OPENAI = "https://openaipublic.azureedge.net/clip/models"
_CLIP_CITATION = (
    "Radford et al., Learning Transferable Visual Models From Natural Language Supervision, ICML 2021, arXiv 2103.00020"
)


def _openai(
    name: str, sha256: str, file: str, hub: str, patch: int, side: int, readout: str, megabytes: float
) -> Model:
    """A CLIP by OpenAI: the file they publish, or open_clip's copy of it on the hub."""
    return Model(
        name=name,
        library="open_clip",
        weights=(
            WeightFile(file, f"{_OPENAI}/{sha256}/{file}", sha256, "its address at OpenAI", "MIT", megabytes),
            WeightFile("open_clip_model.safetensors", f"hub:{hub}@main", "", RECORDED, "MIT", 2 * megabytes),
        ),
        mean=CLIP_MEAN,
        std=CLIP_STD,
        patch=patch,
        archive_side=side,
        citation=_CLIP_CITATION,
        readout=readout,
        quick_gelu=True,
    )


def _timm(name: str, weights: WeightFile, patch: int, citation: str) -> Model:
    """A dense encoder of timm, read at its last layer's tokens."""
    return Model(name, "timm", (weights,), IMAGENET_MEAN, IMAGENET_STD, patch, 224, citation, "tokens")


CLIP_L = _openai(
    "ViT-L-14-336",
    "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02",
    "ViT-L-14-336px.pt",
    "timm/vit_large_patch14_clip_336.openai",
    patch=14,
    side=336,
    readout="maskclip",
    megabytes=934,
)
CLIP_RN50X16 = _openai(
    "RN50x16",
    "52378b407f34354e150460fe41077663dd5b39c54cd0bfd2b27167a4a06ec9aa",
    "RN50x16.pt",
    "timm/resnet50x16_clip.openai",
    patch=32,
    side=224,
    readout="maskclip",
    megabytes=661,
)
CLIP_B = _openai(
    "ViT-B-16",
    "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f",
    "ViT-B-16.pt",
    "timm/vit_base_patch16_clip_224.openai",
    patch=16,
    side=224,
    readout="proxyclip",
    megabytes=351,
)
DEIT_SIN = _timm(
    "deit_small_distilled_patch16_224",
    WeightFile(
        "deit_s_sin_dist.pth",
        "https://github.com/Muzammal-Naseer/Intriguing-Properties-of-Vision-Transformers/releases/download/v0/"
        "deit_s_sin_dist.pth",
        "",
        RECORDED,
        "MIT",
        90,
    ),
    16,
    "Naseer et al., Intriguing Properties of Vision Transformers, NeurIPS 2021, arXiv 2105.10497",
)
DEIT = _timm(
    "deit_small_patch16_224",
    WeightFile(
        "deit_small_patch16_224-cd65a155.pth",
        "https://dl.fbaipublicfiles.com/deit/deit_small_patch16_224-cd65a155.pth",
        "cd65a155",
        "the file's own name",
        "Apache-2.0",
        88,
    ),
    16,
    "Touvron et al., Training data-efficient image transformers, ICML 2021, arXiv 2012.12877",
)
DINOV2 = _timm(
    "vit_small_patch14_reg4_dinov2",
    WeightFile(
        "model.safetensors",
        "hub:timm/vit_small_patch14_reg4_dinov2.lvd142m@788f50961a4cf5d639e54a0f3c30e17476d346fc",
        "",
        RECORDED,
        "Apache-2.0",
        88,
    ),
    14,
    "Oquab et al., DINOv2, TMLR 2024, arXiv 2304.07193; Darcet et al., Vision Transformers Need Registers, ICLR 2024",
)

_CLIP_TEMPLATES = (
    IMAGENET_TEMPLATES,
    "there is a {} in the scene.",
    "there is the {} in the scene.",
    "this is a {} in the scene.",
    "this is the {} in the scene.",
    "this is one {} in the scene.",
)
PAPER = Preset(
    name="paper",
    summary="the paper's models: CLIP ViT-L/14@336 retrieves, CLIP RN50x16 speaks, DeiT-S/16-SIN compares",
    retrieval=CLIP_L,
    language=CLIP_RN50X16,
    features=DEIT_SIN,
    templates=_CLIP_TEMPLATES,
    archive="archives/paper",
    citation="Shin, Xie, Albanie, ReCo: Retrieve and Co-segment for Zero-shot Transfer, NeurIPS 2022, arXiv 2206.07045",
    quality="with ImageNet-1k as archive, the paper reports 26.3 mIoU on COCO-Stuff 27 and 29.8 on KITTI-STEP",
    method="reco",
    photo_side=320,
    k=50,
    in_archive_from=0.21,
)
PAPER_DEIT = replace(
    PAPER,
    name="paper_deit",
    summary="the paper's models, with plain DeiT-S/16 in place of the one trained on stylised photos",
    features=DEIT,
    archive="archives/paper_deit",
    quality="not published; the features are those of plain DeiT-S, which ReCo's authors found weaker",
)
CLIP = Preset(
    name="clip",
    summary="quality per second: CLIP ViT-B/16 retrieves and speaks in one pass, led by DINOv2-S/14's affinity",
    retrieval=CLIP_B,
    language=CLIP_B,
    features=DINOV2,
    templates=_CLIP_TEMPLATES,
    archive="archives/clip",
    citation="Lan et al., ProxyCLIP, ECCV 2024, arXiv 2408.04883 (the language map)",
    quality="the language map alone: ProxyCLIP reports 61.3 mIoU on VOC21, 39.1 on Context59 with the larger DINO-B/8",
    window=336,
    stride=224,
    in_archive_from=0.25,
    temperatures=Temperatures(affinity_gain=3.0, affinity_shift=1.2),
)
PRESETS = {preset.name: preset for preset in (MINI, CLIP, PAPER, PAPER_DEIT)}


def find_preset(name: str) -> Preset:
    """The preset of this name.

    Raises:
        OptionError: there is none; the message suggests the nearest.
    """
    return find(name, PRESETS, "preset")
