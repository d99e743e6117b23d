"""Every figure of README.md and of docs/, measured again by one command.

    python benchmarks/everything.py SETS TRAIN PHOTOS --work FOLDER [--only quality speed] [--list]

SETS holds the labelled sets (voc_objects, coco_panoptic, camvid), TRAIN the training photos (tools/train_mini.py says
which), PHOTOS the archive's (`reco archive fetch`). Each step is a command of docs/; what it prints is kept as
FOLDER/STEP.txt, its report in benchmarks/results, and the last steps write tables and plots. A step that has ended well
with this code is not run again: after an interruption the same command goes on. It takes hours, on a machine that does
nothing else.
"""

import argparse
import shlex
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BENCH = "-m reco_core bench"
MAIN = "denseclip,reco_no_lgc_ce,reco_no_ce,reco_no_lgc,reco_no_text,reco,reco_crf,reco2,reco2_crf"
ONLY = f"{BENCH} {{sets}}/voc_objects --protocol objects_only --methods {MAIN}"
# Part, step, arguments of Python.
STEPS = (
    *(
        ("quality", name, f"{BENCH} {{sets}}/{name} --ablation --json benchmarks/results/{name}.json")
        for name in ("camvid", "coco_panoptic", "voc_objects")
    ),
    ("quality", "voc_objects_only", f"{ONLY} --json benchmarks/results/voc_objects_only.json"),
    ("quality", "photo_kind", "benchmarks/photo_kind.py {sets}/camvid {sets}/voc_objects {sets}/coco_panoptic"),
    ("quality", "sizes", "benchmarks/quality.py {sets}/voc_objects --limit 150 --plot docs/quality.png"),
    *(
        ("quality", f"outlines_{name}", f"benchmarks/crf.py --labelled {{sets}}/{name}")
        for name in ("voc_objects", "camvid")
    ),
    (
        "discovery",
        "discovery_voc_objects",
        "benchmarks/discovery.py {sets}/voc_objects --limit 150 --json benchmarks/results/discovery_voc_objects.json",
    ),
    (
        "discovery",
        "discovery_coco_panoptic",
        "benchmarks/discovery.py {sets}/coco_panoptic --json benchmarks/results/discovery_coco_panoptic.json",
    ),
    ("discovery", "reading", "benchmarks/reading.py {train}"),
    ("learning", "rare", "benchmarks/rare.py {train} --out {work}/rare"),
    ("learning", "titles", "benchmarks/titles.py {photos}"),
    ("speed", "latency", "benchmarks/latency.py"),
    ("speed", "cosegmentation", "benchmarks/cosegmentation.py"),
    ("speed", "presets", "benchmarks/presets.py"),
    ("speed", "opening", "benchmarks/opening.py"),
    ("speed", "vectors", "benchmarks/vectors.py"),
    ("speed", "embedding", "benchmarks/embedding.py {photos}"),
    ("speed", "growth", "benchmarks/growth.py --again names photo archive"),
    ("server", "visitors", "benchmarks/growth.py --parts visitors --again visitors"),
    ("server", "server", "benchmarks/server.py"),
    ("pages", "figures", "tools/figures.py"),
    ("pages", "growth_figure", "benchmarks/growth_figure.py"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", type=Path)
    parser.add_argument("train", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=sorted({part for part, *_ in STEPS}))
    parser.add_argument("--list", action="store_true", help="say the commands, run none")
    args = parser.parse_args()
    folders = {name: getattr(args, name).resolve() for name in ("sets", "train", "photos", "work")}
    failed = []
    for part, step, command in STEPS:
        if args.only and part not in args.only:
            continue
        told = [one.format(**folders) for one in shlex.split(command)]
        if args.list:
            print(f"{step}: python {shlex.join(told)}")
        elif not run(step, told, args.work):
            failed.append(step)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}. What they said: {args.work}/STEP.txt")


def run(step: str, command: list[str], work: Path) -> bool:
    """Run a step, if that has not been done with this code; whether it ended well."""
    work.mkdir(parents=True, exist_ok=True)
    log, code = work / f"{step}.txt", commit()
    done = f"done with {code}"
    if log.is_file() and log.read_text(errors="replace").rstrip().endswith(done):
        return True
    began = time.monotonic()
    print(f"{time.strftime('%H:%M')} {step} …", flush=True)
    with log.open("w") as out:
        ended = subprocess.run([sys.executable, *command], cwd=ROOT, stdout=out, stderr=out, check=False)
        well = ended.returncode == 0
        print(f"{time.monotonic() - began:.0f} s\n{done if well else 'failed'}", file=out)
    return well


def commit() -> str:
    """The last that changed what is measured."""
    measured = ("reco_core", "reco_app", "assets", "archives", "benchmarks/*.py")
    git = ["git", "log", "-1", "--format=%h", "--", *measured]
    return subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
