"""Where a new run may begin instead of at random weights: a released model, or another run, on whatever classes."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from sceneswap import checkpoint
from sceneswap.checkpoint import learned_state, load_folded, load_learned
from sceneswap.config import ModelConfig, TrainConfig
from sceneswap.errors import UserError
from sceneswap.labels.schema import LabelSchema
from sceneswap.notes import LOG
from sceneswap.training.setup import Networks
from sceneswap.training.state import read_run

State = Mapping[str, Tensor]


def start_from(
    source: Path, networks: Networks, settings: TrainConfig, schema: LabelSchema, vgg19: Path | None = None
) -> str:
    """Give the networks of a new run the weights of `source`: a release folder, or the folder of a run; say what it is.

    A release holds a generator, which the moving average starts from too. A run's newest state holds the discriminator and
    the auxiliary decoder as well: these come along where their settings are the same. Classes are told by their names; those
    that `source` does not know start anew, and so does a label head that it lacks. vgg19: see `models.pretrained.vgg`.
    Raises `UserError` if the models differ or `source` is neither.
    """
    state = checkpoint.newest_state(source)
    if state is None:
        return _from_release(source, networks, settings, schema, vgg19)
    return _from_run(state, networks, settings, schema)


def _from_release(
    source: Path, networks: Networks, settings: TrainConfig, schema: LabelSchema, vgg19: Path | None
) -> str:
    release = checkpoint.load_release(source, vgg19)
    _check_model(source, release.model, settings.model)
    _note_classes(source, release.schema, schema)
    if settings.model.label_head and not release.model.label_head:
        LOG.warning("%s has no label head: that of this run starts anew", source)
    weights = learned_state(release.network)
    for network in (networks.generator, networks.average):
        own = learned_state(network)
        head = {name: tensor for name, tensor in own.items() if name.startswith("label_head.")}
        load_folded(network, {**head, **for_classes(weights, own, release.schema, schema)}, str(source))
    return f"{release.record.get('name', 'a model')} at step {release.record.get('step')}, on {release.schema.name}"


def _from_run(path: Path, networks: Networks, settings: TrainConfig, schema: LabelSchema) -> str:
    saved = read_run(path)
    before, known = saved.state.config, saved.state.label_schema(path)
    _check_model(path, before.model, settings.model)
    same = {
        "discriminator": before.discriminator == settings.discriminator,
        "decoder": before.pretrain_targets == settings.pretrain_targets,
    }
    _note_classes(path, known, schema)
    for name, network in networks.kept.items():
        if same.get(name, True):
            state = checkpoint.below(saved.tensors, name)
            load_learned(network, for_classes(state, learned_state(network), known, schema), f"{path}: {name}")
        else:
            LOG.warning("%s was trained with other settings of the %s, which starts anew", path, name)
    return f"a run on {known.name} at step {saved.state.step}"


def _check_model(source: Path, theirs: ModelConfig, ours: ModelConfig) -> None:
    """Refuse another model; a label head may be lacking on their side."""
    if theirs not in (ours, replace(ours, label_head=0)):
        raise UserError(f"{source} has another model configuration than this run; use the preset it was made with")


def _note_classes(source: Path, before: LabelSchema, after: LabelSchema) -> None:
    if before == after:
        return
    known = sum(name in before.names for name in after.names)
    LOG.warning(
        "%s was trained on the classes of %s: %s of the %s classes of %s take over its weights, the others start anew",
        source, before.name, known, after.num_classes, after.name,
    )  # fmt: skip


def for_classes(state: State, own: State, before: LabelSchema, after: LabelSchema) -> dict[str, Tensor]:
    """`state` of a network for the classes `before` as one for the classes `after`.

    Rows of what has one per class (embeddings, with void last, and the label head's answer) are taken over by the name of
    the class; the rest of them is `own`.
    """
    taken = {after.index_of(name): i for i, name in enumerate(before.names) if name in after.names}
    with_void = {**taken, after.void_index: before.void_index}
    made = dict(state)
    if before == after:
        return made
    for name, tensor in state.items():
        parts = name.split(".")
        if "embedding" in parts or "answer" in parts:
            rows = with_void if "embedding" in parts else taken
            made[name] = own[name].detach().clone()
            made[name][list(rows)] = tensor[list(rows.values())].to(made[name])
    return made
