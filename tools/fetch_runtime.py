"""assets/onnxruntime-web: what runs an exported page's model in a browser, from npm; only what is needed of it, packed.

python tools/fetch_runtime.py     # npm must be on the path

The package is the one whose SHA-512, npm's `dist.integrity`, stands here. It has no file of its licence, which lies in
the Python package of the same project, with the notices of what it is made of.
"""

import base64
import gzip
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import distribution
from pathlib import Path

PACKAGE = "onnxruntime-web@1.30.0"
SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
FOLDER = Path(__file__).resolve().parent.parent / "assets" / "onnxruntime-web"
# One thread or several by where the page comes from, SIMD always; without WebGPU, whose file is twice as large.
SCRIPT, WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"
NOTICES = ("LICENSE", "ThirdPartyNotices.txt")


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=scratch, check=True, stdout=subprocess.DEVNULL)
        (file,) = Path(scratch).glob("*.tgz")
        digest = base64.b64encode(hashlib.sha512(file.read_bytes()).digest()).decode()
        if digest != SHA512:
            sys.exit(f"{PACKAGE} is another file than expected: sha512-{digest}")
        with tarfile.open(file) as package:
            for name in (SCRIPT, WASM):
                member = package.extractfile(f"package/dist/{name}")
                if member is None:
                    sys.exit(f"{PACKAGE} has no {name}")
                keep(name, member.read())
    for name in NOTICES:
        keep(name, Path(str(distribution("onnxruntime").locate_file(f"onnxruntime/{name}"))).read_bytes())
    (FOLDER / "VERSION").write_text(f"{PACKAGE} sha512-{SHA512}\n")


def keep(name: str, content: bytes) -> None:
    """Write a file, packed if that counts; the same content is the same file."""
    if len(content) > 100_000:
        name, content = f"{name}.gz", gzip.compress(content, 9, mtime=0)
    (FOLDER / name).write_bytes(content)
    print(f"{name}: {len(content):,} bytes")


if __name__ == "__main__":
    main()
