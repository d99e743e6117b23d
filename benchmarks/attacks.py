"""What a hostile visitor can do to a server: the attacks that it must bear, each as a row of a table.

    python benchmarks/attacks.py [--app FOLDER] [--only abandoned,zips,...]

FOLDER: a checkout whose app is attacked (default: this one), so that before and after can be printed. The app runs on
loopback, its visitors come from 127.0.0.2, 127.0.0.3, ...: the attacker is the first, who is kept waiting the second.
"""

import argparse
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import textwrap
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import skimage.data
from PIL import Image

HERE = Path(__file__).resolve().parent.parent
PATIENCE = 120.0  # seconds after which an attack has succeeded
READ = """
    import sys, time
    from reco_app.visitor.uploads import Uploads
    started, read = time.perf_counter(), 0
    try:
        for photo in Uploads(sys.argv[1:]):
            read += 1
            if time.perf_counter() - started > 30:
                print(f"{read} photos read in 30 s, and it goes on"); break
        else:
            print(f"{read} photos read in {time.perf_counter() - started:.1f} s")
    except Exception as error:
        print(f"refused after {time.perf_counter() - started:.1f} s: {str(error)[:70]}")
"""
CUT = """
    import os, sys
    from pathlib import Path
    import numpy as np
    from reco_core.archives.archive import Archive
    archive = Archive(Path(sys.argv[1]))
    for file in Path(sys.argv[1]).iterdir():
        os.truncate(file, 0)
    try:
        archive.features(np.arange(0, len(archive), 7))
    except Exception as error:
        print(f"refused: {type(error).__name__}")
"""


class Server:
    """An app that is served, and its folder for what is temporary."""

    def __init__(self, app: Path, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder, self.url = folder, f"http://127.0.0.1:{self.port}/gradio_api/"
        environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(app)}
        command = [sys.executable, "app.py", "--port", str(self.port)]
        self.log = (folder / "log.txt").open("a")
        self.process = subprocess.Popen(command, cwd=app, env=environment, stdout=self.log, stderr=self.log)
        while True:
            try:
                httpx.get(f"{self.url}startup-events")
                break
            except httpx.HTTPError:
                if self.process.poll() is not None:
                    raise SystemExit((folder / "log.txt").read_text()) from None
                time.sleep(0.2)

    def end(self, how: int = signal.SIGTERM) -> None:
        self.process.send_signal(how)
        self.process.wait(60)
        self.log.close()

    def files(self) -> int:
        return sum(file.is_file() and file.name not in ("log.txt", "lock") for file in self.folder.rglob("*"))


@contextmanager
def served(app: Path) -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as folder:
        server = Server(app, Path(folder))
        try:
            Visitor("127.0.0.9", server).ask("cat", listen=True)  # models are loaded
            yield server
        finally:
            if server.process.poll() is None:
                server.end()


class Visitor:
    """Somebody who comes from an address, with a photo."""

    def __init__(self, address: str, server: Server, headers: dict[str, str] | None = None) -> None:
        self.server = server
        transport = httpx.HTTPTransport(local_address=address)
        self.client = httpx.Client(transport=transport, timeout=PATIENCE, headers=headers)

    def upload(self, data: bytes, name: str = "photo.png") -> dict:
        (path,) = self.client.post(f"{self.server.url}upload", files={"files": (name, data)}).json()
        return {"path": path, "meta": {"_type": "gradio.FileData"}}

    def ask(self, names: str, listen: bool = False) -> int:
        """Have a photo marked: the status of the request."""
        call, photo = f"{self.server.url}call/segment", self.upload(cat())
        data = [photo, names, "reco2", 20, "", "", "mini", True, 0.5, "", False, False]
        asked = self.client.post(call, json={"data": data})
        if listen and asked.status_code == 200:
            said = self.client.get(f"{call}/{asked.json()['event_id']}").text
            if "event: complete" not in said:
                raise SystemExit(f"{names} was not answered: {said[:300]}")  # an attack that computes nothing is none
        return asked.status_code


def cat() -> bytes:
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        Image.fromarray(skimage.data.chelsea()).save(file.name)
        return Path(file.name).read_bytes()


def png(side: int) -> bytes:
    """A PNG of side x side pixels in a few hundred bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer, row = zlib.compressobj(9), b"\0" * (1 + side // 8)
    rows = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def abandoned(app: Path) -> str:
    """36 requests of one client that never asks for the answers; how long another one waits."""
    with served(app) as server:
        attacker, other = Visitor("127.0.0.2", server), Visitor("127.0.0.3", server)
        names = [f"{one} {two}" for one in ("old", "wet", "tiny", "blue", "odd", "big") for two in WORDS]
        taken = sum(attacker.ask(", ".join(names[i :: len(names) // 6])) == 200 for i in range(36))
        started = time.perf_counter()
        status = other.ask("cat, wall", listen=True)
        while status == 503 and time.perf_counter() - started < PATIENCE:  # the queue is full
            time.sleep(1)
            status = other.ask("cat, wall", listen=True)
        return f"{taken} of 36 were taken; another visitor waited {time.perf_counter() - started:.1f} s"


WORDS = ("teapot", "sailboat", "strawberry", "bicycle", "elephant", "violin")


def trainings(app: Path) -> str:
    """One address starts 25 trainings from as many pages; whether another one can start one."""
    with served(app) as server:
        config = httpx.get(server.url.replace("gradio_api/", "config")).json()
        start = next(one for one in config["dependencies"] if one["targets"] and len(one["inputs"]) == 6)
        number = start["id"]

        def begin(who: Visitor, page: str) -> bool:
            photo = {**who.upload(cat(), "cat.png"), "orig_name": "cat.png"}
            body = {"data": [[photo], "cat", False, 600, "mini", None], "fn_index": number, "session_hash": page}
            if who.client.post(f"{server.url}queue/join", json=body).status_code != 200:
                return False
            with who.client.stream("GET", f"{server.url}queue/data", params={"session_hash": page}) as stream:
                said = next((line for line in stream.iter_lines() if "process_completed" in line), "")
            return "adapt-status" in said or "before" in said or "waiting" in said

        attacker, other = Visitor("127.0.0.2", server), Visitor("127.0.0.3", server)
        started = sum(begin(attacker, f"page{i}") for i in range(25))
        return f"{started} of 25 were started; another visitor's: {'started' if begin(other, 'x') else 'refused'}"


def zips(app: Path) -> str:
    """A small zip of 990 PNGs of 49 megapixels, and one whose entries overlap."""
    with tempfile.TemporaryDirectory() as folder:
        many, same = Path(folder, "many.zip"), Path(folder, "same.zip")
        data = png(7000)
        with zipfile.ZipFile(many, "w", zipfile.ZIP_DEFLATED) as out:
            for i in range(990):
                out.writestr(f"{i}.png", data)
        with zipfile.ZipFile(same, "w", zipfile.ZIP_DEFLATED) as out:
            out.writestr("0.png", data)
            first = out.infolist()[0]
            for i in range(1, 990):
                again = zipfile.ZipInfo(f"{i}.png")
                for field in ("header_offset", "CRC", "compress_size", "file_size", "compress_type"):
                    setattr(again, field, getattr(first, field))
                out.filelist.append(again)
        sizes = [f"{file.stat().st_size // 1000} kB" for file in (many, same)]
        return "; ".join(f"{size}: {ran(app, READ, file)}" for size, file in zip(sizes, (many, same), strict=True))


def files(app: Path) -> str:
    """What is left of a visitor's API call after SIGTERM, and after SIGKILL and a start."""
    left = []
    for how in (signal.SIGTERM, signal.SIGKILL):
        with tempfile.TemporaryDirectory() as folder:
            server = Server(app, Path(folder))
            Visitor("127.0.0.2", server).ask("cat", listen=True)
            server.end(how)
            if how == signal.SIGKILL:
                Server(app, Path(folder)).end()
            left.append(server.files())
    return f"{left[0]} files after SIGTERM, {left[1]} after SIGKILL and another start"


def forwarded(app: Path) -> str:
    """A client without a proxy that calls itself by another address in every request."""
    with served(app) as server:
        taken = 0
        for i in range(40):
            one = Visitor("127.0.0.1", server, {"X-Forwarded-For": f"9.9.9.{i}"})
            taken += one.ask("cat") == 200
        return f"{taken} of 40 requests were taken"


def cut(app: Path) -> str:
    """An archive that is cut short in place while it is served."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["cp", "-r", str(app / "archives" / "mini"), folder], check=True)
        return ran(app, CUT, Path(folder, "mini"))


def ran(app: Path, program: str, file: Path) -> str:
    command = [sys.executable, "-c", textwrap.dedent(program), str(file)]
    environment = {**os.environ, "PYTHONPATH": str(app)}
    done = subprocess.run(command, cwd=app, env=environment, capture_output=True, text=True, check=False)
    return done.stdout.strip() or f"the process ended with {done.returncode}"


ATTACKS: dict[str, Callable[[Path], str]] = {
    "abandoned": abandoned,
    "trainings": trainings,
    "zips": zips,
    "files": files,
    "forwarded": forwarded,
    "cut": cut,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--app", type=Path, default=HERE)
    parser.add_argument("--only", default=",".join(ATTACKS), help="with commas")
    args = parser.parse_args()
    for name in args.only.split(","):
        print(f"| {name} | {ATTACKS[name](args.app.resolve())} |", flush=True)


if __name__ == "__main__":
    main()
