"""What attention does before any training: the control that says what training adds.

Much of "like attends to like" is there at the start, because map k begins with the same labels in both scenes
(`ModelConfig.aligned_start`). So every analysis of attention stands beside the same network untrained, with several seeds, and
global average pooling.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from sceneswap.checkpoint import Release, folded_copy
from sceneswap.data.folder import FolderDataset
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.inference.transfer_matrix import TransferMatrix, transfer_matrix
from sceneswap.models.build import build_generator

POOLED = "global average pooling"


def untrained(synthesizer: Synthesizer, seed: int, vgg19: Path | None = None) -> Synthesizer:
    """A model of the same configuration with the weights that training starts from; it reads exemplars alike.

    seed: of the weights; PyTorch's generator is left as it was. vgg19: see `models.pretrained.vgg`.
    """
    release = synthesizer.release
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = folded_copy(build_generator(release.model, release.schema.num_classes, vgg19))
    record = {"name": f"untrained, seed {seed}", "config": release.record.get("config")}
    start = Release(network, release.model, release.schema, record)
    return Synthesizer(start, device=str(synthesizer.device), precision=synthesizer.precision)


def control_matrices(
    synthesizer: Synthesizer,
    dataset: FolderDataset,
    matrix: TransferMatrix,
    out: Path,
    seeds: Sequence[int],
    *,
    seed: int = 0,
    on_pair: Callable[[int], None] = lambda count: None,
) -> dict[str, TransferMatrix]:
    """The matrices of untrained models (one per seed of `seeds`) and of GAP, by their names, on the pairs of `matrix`.

    seed, on_pair: as of `transfer_matrix`, which keeps the sums in `out`/untrained-SEED. A GAP model has nothing to learn in
    its attention, and no untrained control.
    """
    found = {}
    for one in seeds if synthesizer.release.model.kind == "msca" else ():
        start = untrained(synthesizer, one)
        folder = out / f"untrained-{one}"
        found[start.name] = transfer_matrix(start, dataset, matrix.pairs, folder, seed=seed, on_pair=on_pair)
    return {**found, POOLED: matrix.pooled}
