"""The report on real photographs: docs/results/outdoor made by one command, for our model and what it is held against.

    python -m benchmarks.outdoor.report --data DATA/test/* --train DATA/train/* \\
        --model ours=DIR GAP=DIR SPADE_VAE=DIR former=DIR --out docs/results/outdoor

Style swapping, exemplar identification, layout agreement by class, FID, a contact sheet of 30 random swaps, the transfer
matrix and what labels take from their like with its untrained control, attention on the border, every example in every look,
what reads label maps, speed; and, when ours is the model that comes with the package and the folder that of the
documentation, the gallery and the picture of the README. Every part goes on where it stopped, and measures anew only what was
measured otherwise; --only makes some parts now and keeps the others as far as they are of the same models.

--out gets what may be published: numbers, charts, drawings, and no photographs but the examples that come with the package.
--private gets the rest: the pages of the evaluations, and the contact sheet with its photographs.

The numbers need the weights named by SCENESWAP_VGG19, SCENESWAP_SEGMENTER and SCENESWAP_INCEPTION. One core takes about
5 seconds per pair for three models (35 minutes for 400 pairs), and a second per drawing of FID.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, get_args

import torch
import tyro

from benchmarks.common import ROOT, in_fresh_process
from benchmarks.outdoor.attending import attention, border
from benchmarks.outdoor.looking import figures, sheet
from benchmarks.outdoor.page import command, markdown
from benchmarks.outdoor.settings import Part, Report
from benchmarks.outdoor.swaps import fid, layout, swap
from sceneswap.errors import UserError
from sceneswap.evaluation.labels import evaluate_labels
from sceneswap.files import read_json, write_text
from sceneswap.inference.labelling import choose_labeller
from sceneswap.inference.synthesizer import Synthesizer


def main(
    report: Annotated[Report, tyro.conf.arg(name="")],
    quick: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
) -> None:
    """Make the report.

    Args:
        report: What is measured, and where it goes.
        quick: Very few of everything, to see that all is in place; the numbers mean nothing.
    """
    if quick:
        few: dict[str, Any] = {
            "pairs": 16, "fid_pairs": 16, "fid_photographs": 16, "transfers": 20, "border_scenes": 4, "locations": 512,
            "runs": 2,
        }  # fmt: skip
        report = replace(report, **few)
    docs = ROOT / "docs"
    if any(folder.resolve() in (report.private / "x").resolve().parents for folder in (report.out, docs)):
        raise UserError(
            f"--private {report.private} would be published; choose a folder outside of {report.out} and {docs}"
        )
    if report.threads:
        torch.set_num_threads(report.threads)
    records: dict[str, dict[str, Any]] = {}
    for name, part in PARTS.items():
        if report.only and name not in report.only:
            records[name] = kept(report, name)
            continue
        started, busy = time.monotonic(), time.process_time()
        records[name] = part(report)
        wall, busy = (time.monotonic() - started) / 60, (time.process_time() - busy) / 60
        print(f"{name}: {wall:.1f} min ({busy:.1f} min of a core)", flush=True)
    write_text(report.out / "README.md", markdown(records, report.weights, command(report)))
    print(report.out / "README.md", report.private / "sheet" / "index.html", sep="\n")


def kept(report: Report, part: str) -> dict[str, Any]:
    """The record that `out` has of a part, if it is of our model and of others that are named alike; else an empty one."""
    path = report.out / f"{part}.json"
    if not path.exists():
        return {}
    record: dict[str, Any] = read_json(path, "a record of the report")
    found: dict[str, str] = record.get("weights", {})
    if report.ours in found and all(report.weights.get(name, digest) == digest for name, digest in found.items()):
        return record
    print(f"{part}: {path} is of other models, and left out of the page", file=sys.stderr)
    return {}


def labels(report: Report) -> dict[str, Any]:
    """The accuracy of the label maps that are read off photographs for ours."""
    roots = [root for root in report.data if root.resolve().name in report.labelled]
    if not roots:
        return {}
    model, folder = report.models[report.ours], report.private / "labels"
    labeller = choose_labeller(model)
    evaluate_labels(roots, labeller, model.schema, folder, about=labeller.record)
    return report.publish("labels.json", read_json(folder / "labels.json", "the record of the labels"))


def speed(report: Report) -> dict[str, Any]:
    """Seconds, memory and arithmetic of one drawing, by benchmarks/speed/synthesis.py in a process of its own."""
    path, model = report.out / "speed.json", report.models[report.ours]
    if path.exists():
        before: dict[str, Any] = read_json(path, "the speed record")
        if (before["model"], before["size"], before["runs"]) == (model.describe(), report.size, report.runs):
            return report.publish(path.name, before)
    folder = dict(entry.partition("=")[::2] for entry in report.model).get(report.ours)
    options: dict[str, Any] = {"--size": report.size, "--runs": report.runs, "--json": path}
    options |= {"--model": folder} if folder else {}
    options |= {"--threads": report.threads} if report.threads else {}
    in_fresh_process("-m", "benchmarks.speed.synthesis", *(part for option in options.items() for part in option))
    return report.publish(path.name, read_json(path, "the speed record"))


def gallery(report: Report) -> dict[str, Any]:
    """docs/gallery and the picture of the README, which are of the model that comes with the package."""
    docs = ROOT / "docs"
    shipped = Synthesizer.from_pretrained(None, device=report.device).weights_sha256
    if report.out.resolve() == docs / "results" / "outdoor" and report.weights[report.ours] == shipped:
        in_fresh_process(docs / "gallery.py")
        in_fresh_process(docs / "pictures.py")
    return {}


PARTS: dict[Part, Callable[[Report], dict[str, Any]]] = {
    "swap": swap, "layout": layout, "fid": fid, "sheet": sheet, "attention": attention, "border": border,
    "figures": figures, "labels": labels, "speed": speed, "gallery": gallery,
}  # fmt: skip
assert tuple(PARTS) == get_args(Part)


if __name__ == "__main__":
    try:
        tyro.cli(main)
    except UserError as error:
        print(f"outdoor_report: {error}", file=sys.stderr)
        sys.exit(2)
