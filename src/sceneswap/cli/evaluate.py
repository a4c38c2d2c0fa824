"""`sceneswap evaluate`."""

from pathlib import Path
from typing import Annotated

import tyro

from sceneswap.bounds import Between
from sceneswap.cli.options import (
    Count,
    EngineOptions,
    FolderOptions,
    LabellerOptions,
    MeasuringOptions,
    RepeatedFolders,
)
from sceneswap.files import write_json
from sceneswap.guard import keep_files
from sceneswap.notes import LOG

RandomPairs = Annotated[Count, tyro.conf.arg(help="Number of random pairs; all there are when the scenes have fewer.")]
Targets = Annotated[Count, tyro.conf.arg(help="The most scenes to take, at random.")]
GridScenes = Annotated[
    int,
    Between(0, 100),
    tyro.conf.arg(help="Scenes of the swapping figure (the alarms of layout are measured on it), 0 for none."),
]
Lpips = Annotated[Path | None, tyro.conf.arg(help="LPIPS weights; else SCENESWAP_LPIPS.")]
Inception = Annotated[Path | None, tyro.conf.arg(help="Weights of FID's Inception; else SCENESWAP_INCEPTION.")]


def swap(
    settings: FolderOptions, where: EngineOptions, pairs: RandomPairs = 2500, grid_scenes: GridScenes = 12
) -> None:
    """Style swapping on random pairs: L_style, NN_pixel, NN_conv1, also over the similarity of the two scenes.

    The table 1 of the paper's supplement for any number of models, with 95 % intervals, curves and swapping figures.

    Try:

        sceneswap evaluate swap --data scenes/ --model ours=models/msca GAP=models/gap --out results/swap
    """
    _measure("swap", settings, pairs, grid_scenes, where=where)


def duplicate(settings: FolderOptions, pairs: Targets = 2500, lpips: Lpips = None, inception: Inception = None) -> None:
    """Duplicating: the exemplar is the target's own photograph. PSNR, SSIM, LPIPS, FID.

    Try:

        sceneswap evaluate duplicate --data scenes/ --model ours=models/msca --out results/duplicate
    """
    _measure("duplicate", settings, pairs, lpips_file=lpips, inception_file=inception)


def mirror(settings: FolderOptions, pairs: Targets = 2500, lpips: Lpips = None, inception: Inception = None) -> None:
    """Mirroring: the exemplar is the target's scene, photograph and label map mirrored. PSNR, SSIM, LPIPS, FID.

    Try:

        sceneswap evaluate mirror --data scenes/ --model ours=models/msca --out results/mirror
    """
    _measure("mirror", settings, pairs, lpips_file=lpips, inception_file=inception)


def retrieve(settings: FolderOptions, pairs: Targets = 2500, inception: Inception = None) -> None:
    """Retrieving: the exemplar is a random one of the 20 % most similar scenes, without the first 1 %. FID.

    Similarity is label-histogram intersection; the first 1 % (at least one scene) may be near-duplicates.

    Try:

        sceneswap evaluate retrieve --data scenes/ --model ours=models/msca --out results/retrieve
    """
    _measure("retrieve", settings, pairs, inception_file=inception)


def layout(
    settings: FolderOptions, pairs: RandomPairs = 500, grid_scenes: GridScenes = 12, segmenter: str | None = None
) -> None:
    """Does the drawing hold its layout, does it copy its exemplar, does it ignore it?

    Agreement of a segmentation of the drawing with its label map, beside that of the real photograph; how often the true
    exemplar is told from 19 others by style; the two alarms of training, on the swapping figure.

    Try:

        sceneswap evaluate layout --data scenes/ --model ours=models/msca --baselines --out results/layout

    Args:
        segmenter: Weights of the ADE20K network, or the Hugging Face id of another; else SCENESWAP_SEGMENTER.
    """
    _measure("layout", settings, pairs, grid_scenes, segmenter_name=segmenter)


def known_answer(settings: MeasuringOptions, pairs: Count = 64, lpips: Lpips = None) -> None:
    """Swaps whose true picture is known, since a renderer draws layout A under look B. PSNR, SSIM, LPIPS.

    Scenes of the evaluation seeds, which training never sees; --baselines adds copy, grey and mean colours.

    Try:

        sceneswap evaluate known-answer --pairs 64 --model ours=models/msca --baselines --out results/known

    Args:
        pairs: Number of swaps.
    """
    from sceneswap.cli.measuring import measure_known_answers

    measure_known_answers(settings, pairs, lpips)


def _measure(
    task: str, settings: FolderOptions, pairs: int, grid_scenes: int = 0, where: EngineOptions | None = None,
    **weights: Path | str | None,
) -> None:  # fmt: skip
    from sceneswap.cli.measuring import measure_folders

    measure_folders(task, settings, pairs, grid_scenes, where, **weights)


def labels(
    data: RepeatedFolders,
    out: Path,
    labeller: LabellerOptions,
    limit: Count | None = None,
) -> None:
    """Label maps estimated from photographs against true ones: pixel accuracy and mean IoU, also in eight coarse groups.

    Judged is what reads photographs for --model (its label head, else the segmenter that comes with the package), or the
    network --segmenter instead.

    Try:

        sceneswap evaluate labels --data scenes/ --model models/first --out results/labels

        sceneswap evaluate labels --data scenes/ --segmenter org/name --out results/segmenter

    Args:
        out: Folder for labels.json and index.html; made if missing.
        limit: The most scenes of each folder, evenly spread; all by default.
    """
    from sceneswap.cli.measuring import measure_estimates

    measure_estimates([root for group in data for root in group], out, labeller, limit)


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
    from sceneswap.cli.measuring import print_scores
    from sceneswap.evaluation.compare import compare as join

    if out is not None:
        keep_files([out], [path / "results.json" if path.is_dir() else path for path in results])
    record, notes = join(results)
    for note in notes:
        LOG.info(note)
    print_scores(record)
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
