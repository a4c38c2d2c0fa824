"""Write a model as ONNX graphs: traced, weights in 16 bits or 8, described, compared with PyTorch, and only then kept."""

import copy
import json
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sceneswap import __version__
from sceneswap.errors import UserError
from sceneswap.files import make_folder, sha256, write_json, writing_error
from sceneswap.inference.labelling import SEGMENTED_SIDE
from sceneswap.inference.segmentation import LONG_SIDE, DeepLabSegmenter, shipped_segmenter
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.models.generator import Generator
from sceneswap.models.pretrained.deeplab import DeepLab
from sceneswap.onnx.graphs import Draw, Encode, Read
from sceneswap.onnx.parity import Parity, compare
from sceneswap.onnx.runtime import DESCRIPTION, FORMAT, GRAPHS, OnnxSynthesizer, needed

_OPSET = 18
_SMALL = 64  # numbers; smaller tensors are scales and shapes, not worth rounding
_ROUNDING = 1e-3  # of a step: what is left of multiples after computing in 32 bits
_FEWEST = 9  # numbers of an output that can have a scale of their own
_EXACT = "tile_"  # the noise: it must be the same pattern everywhere
_NEEDED = ("onnx", "onnxruntime")


@dataclass(frozen=True)
class Traced:
    """A module to be traced: example inputs, their names with the axes that vary, and the names of what comes out."""

    module: nn.Module
    arguments: tuple[Any, ...]
    axes: Mapping[str, tuple[int, ...]]
    outputs: list[str]


def export_onnx(synthesizer: Synthesizer, folder: Path) -> Parity:
    """Write `read.onnx`, `encode.onnx`, `draw.onnx` and `model.json` into `folder`; return how near they are to PyTorch.

    The files are first made beside their place, opened as users will and compared with the model (`onnx.parity`); the
    description with the hashes of the graphs comes last, so that a half-written folder is noticed. Raises `UserError`
    for a model without attention, when the packages of the extra `onnx` are not there, when the graphs differ from the
    model by more than the tolerance, and when the files cannot be written.
    """
    network = synthesizer.release.network
    if not isinstance(network, Generator):
        raise UserError(
            f"the model {synthesizer.name} (SPADE_VAE) has no attention; only msca and gap models become ONNX graphs"
        )
    for package in _NEEDED:
        needed(package)
    plain = copy.deepcopy(network).to(device="cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    labelling, answers = _label_network(synthesizer, plain)
    about = _about(synthesizer) | {"read": answers}
    with folder_for_now(folder) as made:
        for graph, traced in zip(GRAPHS, (_read(labelling), _encode(plain), _draw(plain)), strict=True):
            _trace(traced, made / graph, about | {"graph": graph})
        about["graphs"] = {graph: sha256(made / graph) for graph in GRAPHS}
        write_json(made / DESCRIPTION, about)
        parity = compare(synthesizer, OnnxSynthesizer.from_folder(made))
        if fault := parity.fault():
            raise UserError(f"the graphs of {synthesizer.name} are not its own: {fault}; nothing was written")
        (folder / DESCRIPTION).unlink(missing_ok=True)
        for graph in GRAPHS:
            (made / graph).replace(folder / graph)
    write_json(folder / DESCRIPTION, about | {"parity": parity.to_dict()})
    return parity


@contextmanager
def folder_for_now(parent: Path) -> Iterator[Path]:
    """Yield a folder in `parent`, which is made if missing, that is gone afterwards: for what other libraries write.

    Raises `UserError` when the disk is full, read-only and the like.
    """
    try:
        with tempfile.TemporaryDirectory(dir=make_folder(parent), prefix=".sceneswap-") as name:
            yield Path(name)
    except shutil.Error as error:  # of copies, one triple each: from, to, why
        raise UserError(
            f"cannot write {parent}: {error.args[0][0][2]}; free some space or choose another place"
        ) from error
    except OSError as error:
        raise writing_error(parent, error) from error


def _about(synthesizer: Synthesizer) -> dict[str, Any]:
    """What every graph and the description say of the model."""
    network = synthesizer.release.network
    assert isinstance(network, Generator)
    return {
        "format": FORMAT,
        "sceneswap": __version__,
        "name": synthesizer.name,
        "kind": synthesizer.release.model.kind,
        "weights_sha256": synthesizer.weights_sha256,
        "working_size": synthesizer.working_size,
        "squares": synthesizer.squares,
        "stride": network.stride,
        "scales": len(network.layers),
        "schema": synthesizer.schema.to_dict(),
    }


def _label_network(synthesizer: Synthesizer, network: Generator) -> tuple[Generator | DeepLab, dict[str, Any]]:
    """What reads photographs for the model, and how: the label head of its `network`, or the segmenter of the package.

    classes: the model's index for every score, void where it has none.
    """
    if synthesizer.estimates_labels:
        classes = list(range(synthesizer.schema.num_classes))
        return network, {"by": "head", "network": f"label head of {synthesizer.name}", "classes": classes}
    segmenter = shipped_segmenter("cpu")
    assert isinstance(segmenter, DeepLabSegmenter)
    mapping = segmenter.schema.mapping_to(synthesizer.schema)[:-1]
    if np.all(mapping == synthesizer.schema.void_index):
        raise UserError(
            f"the model {synthesizer.name} reads no photographs: it has no label head, and no class of the package's "
            f"segmenter has a counterpart in its schema {synthesizer.schema.name}; export it with its label head"
        )
    sides = {"photo_side": SEGMENTED_SIDE, "long_side": LONG_SIDE}
    how = {"by": "segmenter", "network": segmenter.description, "classes": mapping.tolist(), **sides}
    return segmenter.network, how


# --- Tracing ----------------------------------------------------------------------------------------------------------


def _read(network: Generator | DeepLab) -> Traced:
    side = 33 if isinstance(network, DeepLab) else 4 * network.stride
    return Traced(Read(network), (torch.zeros(2, 3, side, side),), {"image": (0, 2, 3)}, ["scores"])


def _encode(network: Generator) -> Traced:
    image = torch.zeros(2, 3, 4 * network.stride, 6 * network.stride)
    axes = {"image": (0, 2, 3), "label_map": (0, 1, 2)}
    outputs = _named(network, "values", "mass", "summary", "alpha")
    return Traced(Encode(network), (image, image[:, 0].int()), axes, outputs)


def _draw(network: Generator) -> Traced:
    batch, sets, looks, height, width = 2, 3, 4, 4 * network.stride, 6 * network.stride  # all of them vary
    label_map = torch.zeros(batch, height, width, dtype=torch.int32)
    with torch.no_grad():
        one = network.encode_exemplar(torch.zeros(batch, 3, height, width), label_map)
    values = tuple(scale.values[:, None].repeat(1, sets, 1, 1) for scale in one.scales)
    summary = tuple(scale.summary[:, None].repeat(1, looks, 1) for scale in one.scales)
    maps, blend = torch.full((batch, sets, height, width), 1 / sets), torch.full((batch, sets, looks), 1 / looks)
    axes: dict[str, tuple[int, ...]] = {"label_map": (0, 1, 2), "maps": (0, 1, 2, 3), "blend": (0, 1, 2)}
    axes |= dict.fromkeys(_named(network, "values", "summary"), (0, 1))
    return Traced(
        Draw(network), (label_map, maps, blend, values, summary), axes, ["picture", *_named(network, "score", "beta")]
    )


def _named(network: Generator, *what: str) -> list[str]:
    return [f"{name}.{scale}" for name in what for scale in range(len(network.layers))]


def _trace(traced: Traced, path: Path, about: dict[str, Any]) -> None:
    """Write the graph of a module to `path`, weights in 16 bits or 8, `about` inside."""
    onnx = needed("onnx")
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # remarks for those who write exporters; what was traced is compared afterwards
        torch.onnx.export(
            traced.module.eval(), traced.arguments, str(path), input_names=list(traced.axes), output_names=traced.outputs,
            dynamic_axes={name: list(axes) for name, axes in traced.axes.items()}, dynamo=False, opset_version=_OPSET,
        )  # fmt: skip
    model = onnx.load(str(path))
    _pack(model)
    model.producer_name, model.producer_version = "sceneswap", __version__
    entry = model.metadata_props.add()
    entry.key, entry.value = "sceneswap", json.dumps(about)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _pack(model: Any) -> None:
    """Store the weights small: in 8 bits where that loses nothing, else in 16; the graph reads them as 32-bit numbers.

    A Cast and a Mul in place of DequantizeLinear: every runtime folds them into constants when it opens the graph.
    """
    onnx = needed("onnx")
    stored, nodes = [], []
    for tensor in model.graph.initializer:
        name, numbers = tensor.name, onnx.numpy_helper.to_array(tensor)
        if numbers.dtype != np.float32 or numbers.size < _SMALL or _EXACT in name:
            stored.append(tensor)
        elif found := _integers(numbers):
            whole, scale = found
            stored.append(onnx.numpy_helper.from_array(whole, f"{name}.int8"))
            stored.append(onnx.numpy_helper.from_array(scale, f"{name}.scale"))
            nodes.append(onnx.helper.make_node("Cast", [f"{name}.int8"], [f"{name}.steps"], to=onnx.TensorProto.FLOAT))
            nodes.append(onnx.helper.make_node("Mul", [f"{name}.steps", f"{name}.scale"], [name]))
        else:
            stored.append(onnx.numpy_helper.from_array(numbers.astype(np.float16), f"{name}.half"))
            nodes.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    nodes += model.graph.node
    for field, values in ((model.graph.initializer, stored), (model.graph.node, nodes)):
        del field[:]
        field.extend(values)


def _integers(numbers: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]] | None:
    """Weights that came from int8 files (`models.pretrained.weights`) as integers again, and their scale; None for others.

    One scale for all, or one per output, (O, 1, …): the largest weight is 127 steps.
    """
    per_output = [tuple(range(1, numbers.ndim))] if numbers[0].size >= _FEWEST else []
    for axes in (None, *per_output):
        scale = np.abs(numbers).max(axis=axes, keepdims=True).clip(1e-30) / np.float32(127)
        steps = numbers / scale
        whole = steps.round()
        if np.abs(steps - whole).max() < _ROUNDING:
            return whole.astype(np.int8), scale.astype(np.float32)
    return None
