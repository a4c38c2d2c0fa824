"""`sceneswap evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from sceneswap.cli.measuring import (
    Device,
    Settings,
    check,
    evaluate_estimates,
    evaluate_folders,
    measure,
    open_models,
    print_table,
)

if TYPE_CHECKING:
    from sceneswap.evaluation.pairs import Scenes
    from sceneswap.evaluation.tasks import Networks, Task


Common = Annotated[Settings, tyro.conf.arg(name="")]
Data = Annotated[tyro.conf.UseAppendAction[tuple[tuple[Path, ...], ...]], tyro.conf.arg(metavar="DIR ...")]


def swap(data: Data, settings: Common, pairs: int = 2500, schema: str | None = None, grid_scenes: int = 12) -> None:
    """Style swapping on random pairs: L_style, NN_pixel, NN_conv1, also over the similarity of the two scenes.

    The table 1 of the paper's supplement for any number of models, with 95 % intervals, curves and swapping figures.

    Try:

        sceneswap evaluate swap --data scenes/ --model ours=models/msca GAP=models/gap --out results/swap

    Args:
        data: Folders with images/, labels/ and schema.toml.
        pairs: Number of pairs; all there are when the scenes have fewer.
        schema: Classes to evaluate in; by default the data's own, or the first model's when folders differ.
        grid_scenes: Scenes of the swapping figure, 0 for none.
    """
    from sceneswap.evaluation.tasks import swap_task

    evaluate_folders(data, settings, schema, pairs, swap_task, grid_scenes)


def duplicate(
    data: Data,
    settings: Common,
    pairs: int = 2500,
    schema: str | None = None,
    lpips: Path | None = None,
    inception: Path | None = None,
) -> None:
    """Duplicating: the exemplar is the target's own photograph. PSNR, SSIM, LPIPS, FID.

    Try:

        sceneswap evaluate duplicate --data scenes/ --model ours=models/msca --out results/duplicate

    Args:
        data: Folders with images/, labels/ and schema.toml.
        pairs: The most scenes to take, at random.
        schema: Classes to evaluate in; by default the data's own, or the first model's when folders differ.
        lpips: LPIPS weights; else SCENESWAP_LPIPS.
        inception: Weights of FID's Inception; else SCENESWAP_INCEPTION.
    """
    from sceneswap.evaluation.tasks import own_task

    def build(scenes: "Scenes", count: int, seed: int, networks: "Networks") -> "Task":
        return own_task(scenes, count, seed, networks, mirrored=False)

    evaluate_folders(data, settings, schema, pairs, build, lpips=lpips, inception=inception)


def mirror(
    data: Data,
    settings: Common,
    pairs: int = 2500,
    schema: str | None = None,
    lpips: Path | None = None,
    inception: Path | None = None,
) -> None:
    """Mirroring: the exemplar is the target's scene, photograph and label map mirrored. PSNR, SSIM, LPIPS, FID.

    Try:

        sceneswap evaluate mirror --data scenes/ --model ours=models/msca --out results/mirror

    Args:
        data: Folders with images/, labels/ and schema.toml.
        pairs: The most scenes to take, at random.
        schema: Classes to evaluate in; by default the data's own, or the first model's when folders differ.
        lpips: LPIPS weights; else SCENESWAP_LPIPS.
        inception: Weights of FID's Inception; else SCENESWAP_INCEPTION.
    """
    from sceneswap.evaluation.tasks import own_task

    def build(scenes: "Scenes", count: int, seed: int, networks: "Networks") -> "Task":
        return own_task(scenes, count, seed, networks, mirrored=True)

    evaluate_folders(data, settings, schema, pairs, build, lpips=lpips, inception=inception)


def retrieve(
    data: Data, settings: Common, pairs: int = 2500, schema: str | None = None, inception: Path | None = None
) -> None:
    """Retrieving: the exemplar is a random one of the 20 % most similar scenes, without the first 1 %. FID.

    Similarity is label-histogram intersection; the first 1 % (at least one scene) may be near-duplicates.

    Try:

        sceneswap evaluate retrieve --data scenes/ --model ours=models/msca --out results/retrieve

    Args:
        data: Folders with images/, labels/ and schema.toml.
        pairs: The most scenes to take, at random.
        schema: Classes to evaluate in; by default the data's own, or the first model's when folders differ.
        inception: Weights of FID's Inception; else SCENESWAP_INCEPTION.
    """
    from sceneswap.evaluation.tasks import retrieve_task

    evaluate_folders(data, settings, schema, pairs, retrieve_task, inception=inception)


def layout(
    data: Data,
    settings: Common,
    pairs: int = 500,
    schema: str | None = None,
    grid_scenes: int = 12,
    segmenter: str | None = None,
) -> None:
    """Does the drawing hold its layout, does it copy its exemplar, does it ignore it?

    Agreement of a segmentation of the drawing with its label map, beside that of the real photograph; how often the true
    exemplar is told from 19 others by style; the two alarms of training, on the swapping figure.

    Try:

        sceneswap evaluate layout --data scenes/ --model ours=models/msca --baselines --out results/layout

    Args:
        data: Folders with images/, labels/ and schema.toml.
        pairs: Number of random pairs; all there are when the scenes have fewer.
        schema: Classes to evaluate in; by default the data's own, or the first model's when folders differ.
        grid_scenes: Scenes of the swapping figure on which the alarms are measured, 0 for none.
        segmenter: Weights of the ADE20K network, or the Hugging Face id of another; else SCENESWAP_SEGMENTER.
    """
    from sceneswap.evaluation.tasks import layout_task

    evaluate_folders(data, settings, schema, pairs, layout_task, grid_scenes, segmenter=segmenter)


def known_answer(settings: Common, pairs: int = 64, lpips: Path | None = None) -> None:
    """Swaps whose true picture is known, since a renderer draws layout A under look B. PSNR, SSIM, LPIPS.

    Scenes of the evaluation seeds, which training never sees; --baselines adds copy, grey and mean colours.

    Try:

        sceneswap evaluate known-answer --pairs 64 --model ours=models/msca --baselines --out results/known

    Args:
        pairs: Number of swaps.
        lpips: LPIPS weights; else SCENESWAP_LPIPS.
    """
    from sceneswap.evaluation.tasks import Networks, known_answer_task
    from sceneswap.inference.synthesizer import choose_device

    check(settings, pairs)
    networks = Networks(choose_device(settings.device), settings.vgg19, lpips_file=lpips)
    measure(known_answer_task(pairs, settings.size, settings.seed, networks), open_models(settings), settings, 0)


def labels(
    data: Data,
    out: Path,
    model: str | None = None,
    segmenter: str | None = None,
    limit: int | None = None,
    device: Device = "auto",
) -> None:
    """Label maps estimated from photographs against true ones: pixel accuracy and mean IoU, also in eight coarse groups.

    Try:

        sceneswap evaluate labels --data scenes/ --model models/first --out results/labels

        sceneswap evaluate labels --data scenes/ --segmenter org/name --out results/segmenter

    Args:
        data: Folders with images/, labels/ and schema.toml.
        out: Folder for labels.json and index.html; made if missing.
        model: A model folder or hub id, whose label head is judged; the model that comes with the package by default.
        segmenter: Judge this network instead: a transformers folder or Hugging Face id (pip install
            'sceneswap[segmenter]'), or a safetensors file of DeepLabV3+ for ADE20K.
        limit: The most scenes of each folder, evenly spread; all by default.
        device: auto takes a GPU where there is one.
    """
    evaluate_estimates([root for group in data for root in group], out, model, segmenter, limit, device)


def compare(
    results: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RESULTS ...")],
    out: Path | None = None,
) -> None:
    """Print results side by side, if they were measured alike; else name the field that differs.

    Try:

        sceneswap evaluate compare results/monday/results.json results/tuesday/results.json

    Args:
        results: results.json files, or the folders that hold them.
        out: Write the joined record here as JSON.
    """
    import sys

    from sceneswap.evaluation.compare import compare as join
    from sceneswap.files import write_json

    record, notes = join(results)
    for note in notes:
        print(f"sceneswap: {note}", file=sys.stderr)
    print_table(record)
    if out is not None:
        write_json(out, record)


COMMANDS = {
    "swap": swap,
    "duplicate": duplicate,
    "mirror": mirror,
    "retrieve": retrieve,
    "known-answer": known_answer,
    "layout": layout,
    "labels": labels,
    "compare": compare,
}
