"""A page as files: what is in them, and what must not be."""

import base64
import gzip
import hashlib
import json
import re
from dataclasses import replace
from functools import partial

import onnx
import pytest
from support.plain_graph import plain_graph

from reco_core.errors import DependencyError, OptionError
from reco_core.export.page import builder, runtime, viewer_files

EVIL = '"><img src=x onerror=alert(1)></script><script>alert(2)</script>&'
BIND = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def test_a_folder_of_files(page, tmp_path):
    (tmp_path / "model.0123456789ab.bin").write_bytes(b"of a page that was here")
    (tmp_path / "CNAME").write_text("mine")
    size = page.write(tmp_path)
    names = {file.name for file in tmp_path.iterdir()} - {"CNAME"}
    kinds = {re.sub(r"\.[0-9a-f]{12}\.", ".", name) for name in names}
    assert kinds == {*builder.TEXTS, "offline.js", "model.bin", "wasm.bin", "runtime.mjs"} and len(names) == 8
    assert size == sum((tmp_path / name).stat().st_size for name in names)
    for name, part in page.parts.items():
        (file,) = tmp_path.glob(f"{name}.*")
        assert hashlib.sha256(part).hexdigest()[:12] in file.name and file.read_bytes() == part
    onnx.load_from_string(gzip.decompress(page.graph))
    readme = (tmp_path / "README.md").read_text()
    assert len(readme.splitlines()) <= 6 and "GitHub Pages" in readme and "cat, person and cup" in readme
    assert "Microsoft Corporation" in (tmp_path / "LICENCES.txt").read_text()
    offline = (tmp_path / "offline.js").read_text()
    assert all(json.dumps(file.name) in offline for name in page.parts for file in tmp_path.glob(f"{name}.*"))


@pytest.mark.slow
def test_a_page_is_small(traced_page, tmp_path):
    size, runtime = traced_page.write(tmp_path), traced_page.runtime
    assert size < 25e6
    assert size - sum(map(len, (runtime.wasm, runtime.script, runtime.licences.encode()))) < 8.2e6
    assert traced_page.write_single(tmp_path / "page.html") < 25e6


def test_nothing_from_elsewhere_is_allowed(page):
    """And no script but the page's own: names and titles cannot bring one."""
    html = page.html(single=False)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)[1].replace("&#39;", "'")
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'" and rules["connect-src"] == "'self' data: blob:"
    assert not re.search(r"https?:|\*|unsafe-inline|'unsafe-eval'", policy)
    (script,) = BIND.findall(html)
    assert (
        rules["script-src"].split()[0]
        == f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
    )
    assert re.findall(r'(?:src|href)="([^"]*)"', html) == ["data:,"]


def test_titles_and_names_are_text(page):
    evil = replace(page, title=EVIL, names=(EVIL, "cat"), credits=EVIL)
    html, plain = evil.html(single=False), page.html(single=False)
    assert "<img src=x" not in html and "alert(2)</script>" not in html
    assert html.count("<script") == plain.count("<script") and html.count("</script>") == plain.count("</script>")
    about = json.loads(re.search(r'id="about">(.*?)</script>', html)[1])
    assert [named["name"] for named in about["names"]] == [EVIL, "cat"]
    readme = evil.files()["README.md"].decode()
    assert "<img" not in readme and "<script" not in readme


def test_one_file_has_all_parts(page, tmp_path):
    size = page.write_single(tmp_path / "new" / "index.html")
    html = (tmp_path / "new" / "index.html").read_text()
    assert len(html.encode()) == size and [*tmp_path.rglob("*.*")] == [tmp_path / "new" / "index.html"]
    assert page.runtime.licences.splitlines()[0] in html.split("<summary>Licences")[1]
    for name, part in page.parts.items():
        content = re.search(rf'id="part-{name}">(.*?)</script>', html)[1]
        assert base64.b64decode(content) == part


def test_titles():
    make = partial(builder.Page.of, plain_graph(("cat", "person", "cup")), "")
    assert make().title == "Cat, person and cup"
    assert make(title="  My\n page ").title == "My page"
    with pytest.raises(OptionError, match=r"the title is too long.*at most 120 letters"):
        make(title="x" * 121)


def test_whose_photos_names_were_learned_from(page, references):
    record = references.concepts[0].exemplars[0].record
    for said in (record.landing_url or record.source_url, record.licence, "cat:", "ONNX Runtime", "Apache-2.0"):
        assert said in page.credits


def test_without_the_runtime_or_the_viewer(monkeypatch, tmp_path):
    monkeypatch.setattr(runtime, "bundled_folder", lambda: tmp_path)
    with pytest.raises(DependencyError, match=r"Bring it with: python tools/fetch_runtime.py"):
        runtime.Runtime.bundled()
    monkeypatch.setattr(viewer_files, "find_spec", lambda name: None)
    with pytest.raises(DependencyError, match="the app's viewer is missing"):
        viewer_files.viewer_text("viewer.js")
