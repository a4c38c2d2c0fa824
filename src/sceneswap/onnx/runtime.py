"""A model run from its ONNX graphs, without PyTorch: the same calls as `Synthesizer`, the same pictures up to rounding.

synthesizer = OnnxSynthesizer.from_folder("onnx/outdoor-small")     # made by `sceneswap export --onnx`
look = synthesizer.encode(synthesizer.read_scene("dusk.jpg", "dusk.png"))
photo = synthesizer.draw(synthesizer.read_label_map("layout.png"), look)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneswap import __version__
from sceneswap.errors import UserError
from sceneswap.files import check_regular, read_json, sha256
from sceneswap.images import resize_photo
from sceneswap.inference.blend import Blend
from sceneswap.inference.given import Given
from sceneswap.inference.reading import LABEL_SIDE, Labeller, Reading, class_shares, picture_sha256
from sceneswap.inference.thumbnail import thumbnail
from sceneswap.labels.io import resize_label_map
from sceneswap.labels.presets import schema_from_dict
from sceneswap.onnx.look import OnnxLook
from sceneswap.onnx.mixing import mixed, side_by_side
from sceneswap.onnx.scores import classes_at, resize_smoothly, segmented_size
from sceneswap.pictures import inside, shrink
from sceneswap.scene import LabelMap, Photo, Scene

FORMAT = "sceneswap-onnx-1"
GRAPHS = ("read.onnx", "encode.onnx", "draw.onnx")
DESCRIPTION = "model.json"
MOST_PIXELS = 2_000_000
"""The largest label maps that are drawn, at 2 kB of memory a pixel: all at once, since tiles of a graph would not agree."""

LOOK = ("values", "mass", "summary")
"""The outputs of the graph `encode` that make a look; α, its fourth, says where they were gathered."""


class OnnxSynthesizer(Reading):
    """A model folder of ONNX graphs; each graph is loaded when it is first needed. Several threads may share one."""

    def __init__(self, folder: Path, about: Mapping[str, Any], *, threads: int = 0) -> None:
        self.folder = folder
        self.about = about
        self.name = str(about["name"])
        self.weights_sha256 = str(about["weights_sha256"])
        self.schema = schema_from_dict(about["schema"], str(folder / DESCRIPTION))
        self.working_size = int(about["working_size"])
        self.squares = bool(about["squares"])
        self.scales = int(about["scales"])
        self._stride = int(about["stride"])
        self._read = dict(about["read"])
        self._classes = np.array(self._read["classes"], dtype=np.int16)
        self._threads = threads
        self._sessions: dict[str, Any] = {}

    @classmethod
    def from_folder(cls, folder: Path | str, *, threads: int = 0) -> "OnnxSynthesizer":
        """Open what `sceneswap export --onnx` wrote. threads: for one picture; 0 leaves it to ONNX Runtime.

        Raises `UserError` when the folder is not one, a graph is missing, damaged or of another model, or ONNX Runtime is
        not installed.
        """
        folder = Path(folder)
        path = folder / DESCRIPTION
        about = read_json(path, "the description of ONNX graphs")
        if not isinstance(about, dict) or about.get("format") != FORMAT:
            raise UserError(f"{path} describes no ONNX graphs of sceneswap; make them with: sceneswap export --onnx")
        try:
            hashes = {graph: about["graphs"][graph] for graph in GRAPHS}
            opened = cls(folder, about, threads=threads)
        except UserError:
            raise
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise UserError(f"{path} is not complete ({error}); export the model again") from error
        for graph, expected in hashes.items():
            check_regular(folder / graph, "a graph of the model")
            if sha256(folder / graph) != expected:
                raise UserError(
                    f"{folder / graph} is damaged or of another model than {path} (its SHA-256 differs); export it again"
                )
        needed("onnxruntime")
        return opened

    @property
    def stride(self) -> int:
        """Height and width of what the graphs take are multiples of this."""
        return self._stride

    @property
    def labeller(self) -> Labeller:
        """What estimates label maps of photographs: the graph `read`."""
        record = {"network": str(self._read["network"]), "sha256": self.about["graphs"]["read.onnx"]}
        return _GraphLabeller(self, record)

    def describe(self) -> dict[str, Any]:
        """What pictures and pages say about the model; see `Synthesizer.describe`."""
        return {
            "name": self.name,
            "weights_sha256": self.weights_sha256,
            "schema": self.schema.name,
            "precision": "onnx, weights fp16",
            "sceneswap": __version__,
        }

    def check_look(self, look: OnnxLook) -> None:
        """Raise `UserError` for a look that is not of this model."""
        if not isinstance(look, OnnxLook):
            raise UserError(f"the look {look.name} is one of PyTorch's; save it, and open it with OnnxLook.load")
        if look.schema != self.schema or look.model != self.weights_sha256:
            raise UserError(
                f"the look {look.name} was encoded by another model than {self.name} (the SHA-256 of its weights, or its "
                "label schema, differs); encode it with this one"
            )
        if {name: numbers.shape for name, numbers in look.tensors.items()} != self._look_shapes:
            raise UserError(f"the look {look.name} does not fit its own model; its file is damaged, make it again")

    @cached_property
    def _look_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of every look of this model, by name, as the graph `draw` tells them."""
        taken = {one.name: one.shape for one in self._session("draw.onnx").get_inputs()}
        shapes: dict[str, tuple[int, ...]] = {}
        for i in range(self.scales):
            n, k = taken[f"values.{i}"][-2:]
            shapes |= {f"values.{i}": (1, n, k), f"mass.{i}": (1, k), f"summary.{i}": (1, taken[f"summary.{i}"][-1])}
        return shapes

    def estimate_labels(self, photo: Photo) -> LabelMap:
        """Estimate the label map of a photograph (H, W, 3) uint8: (H, W) indices, void where the reader knows no class."""
        size = (photo.shape[0], photo.shape[1])
        if self._read["by"] == "head":
            shape, drawn = self.working_shape(size), inside(size, LABEL_SIDE)
            image = _image(resize_photo(photo, shape))
        else:
            small = shrink(photo, int(self._read["photo_side"]))
            drawn = (small.shape[0], small.shape[1])
            image = resize_smoothly(_image(small), segmented_size(drawn, int(self._read["long_side"])))
        scores = self._run("read.onnx", {"image": image}, ("scores",))["scores"]
        return resize_label_map(self._classes[classes_at(scores[0], drawn)], size)

    def encode(self, exemplar: Scene, *, size: int | None = None) -> OnnxLook:
        """Encode an exemplar, once for any number of drawings; see `Synthesizer.encode`."""
        label_map = self._check(exemplar.label_map)
        shape = self.working_shape(exemplar.size, size)
        inputs = {
            "image": _image(resize_photo(exemplar.photo, shape)),
            "label_map": resize_label_map(label_map, shape)[None].astype(np.int32),
        }
        encoded = self._run("encode.onnx", inputs, [f"{name}.{i}" for name in LOOK for i in range(self.scales)])
        picture = picture_sha256(exemplar.photo)
        shares = class_shares(label_map, self.schema)
        small = thumbnail(exemplar.photo)
        return OnnxLook(encoded, exemplar.name, shape, self.schema, self.weights_sha256, picture, shares, small)

    def look(self, exemplar: Given | Scene, label_map: Given | None = None, *, size: int | None = None) -> OnnxLook:
        """The look of a photograph in any form, its label map estimated when left out; see `Synthesizer.look`."""
        return self.encode(self.scene(exemplar, label_map), size=size)

    def draw(self, label_map: LabelMap, look: OnnxLook | Blend) -> Photo:
        """Draw a label map (H, W), indices of the model's schema, as a photo (H, W, 3); see `Synthesizer.draw`.

        Raises `UserError` for more than `MOST_PIXELS` too.
        """
        label_map = self._check(label_map)
        height, width = label_map.shape
        if height * width > MOST_PIXELS:
            raise UserError(
                f"a label map of {width}×{height} pixels is more than ONNX graphs draw ({MOST_PIXELS:,} pixels, at once); "
                "make it smaller, or draw it with Synthesizer, which draws in tiles"
            )
        weights = look.weights_on(label_map) if isinstance(look, Blend) else (1.0,)
        looks: Sequence[Any] = look.looks if isinstance(look, Blend) else (look,)
        for one in looks:
            self.check_look(one)
        padded = self._padded(label_map)
        numbers = np.asarray(weights, np.float32)
        used = np.flatnonzero(numbers.reshape(len(looks), -1).any(axis=1))  # one of weight 0 is not there at all
        chosen = [looks[int(j)].tensors for j in used]
        if numbers.ndim == 1 or len(used) == 1:
            whole = numbers[used] if numbers.ndim == 1 else np.ones(1, np.float32)
            inputs = mixed(chosen, whole, self.scales) | {"maps": np.ones((1, 1, *padded.shape), np.float32)}
        else:
            inputs = side_by_side(chosen, self.scales) | {"maps": self._padded(numbers[used])[None]}
        inputs["label_map"] = padded[None].astype(np.int32)
        picture = self._run("draw.onnx", inputs, ("picture",))["picture"][0, :, :height, :width]
        return np.ascontiguousarray(((picture + 1) * 127.5).round().clip(0, 255).astype(np.uint8).transpose(1, 2, 0))

    def draw_batch(self, label_maps: Sequence[LabelMap], looks: Sequence[OnnxLook | Blend]) -> list[Photo]:
        """Draw label_maps[i] in looks[i], one after the other."""
        if len(label_maps) != len(looks):
            raise ValueError(f"{len(label_maps)} label maps, but {len(looks)} looks")
        return [self.draw(label_map, look) for label_map, look in zip(label_maps, looks, strict=True)]

    def _session(self, graph: str) -> Any:
        if graph not in self._sessions:
            runtime = needed("onnxruntime")
            options = runtime.SessionOptions()
            options.intra_op_num_threads = self._threads
            options.log_severity_level = 3
            self._sessions[graph] = runtime.InferenceSession(
                str(self.folder / graph), options, providers=["CPUExecutionProvider"]
            )
        return self._sessions[graph]

    def _run(self, graph: str, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str]) -> dict[str, NDArray[Any]]:
        try:
            found = self._session(graph).run(list(outputs), dict(inputs))
        except Exception as error:  # ONNX Runtime has a class of its own for every code, none of them public
            if "allocate memory" not in str(error):
                raise
            rows, columns = next(iter(inputs.values())).shape[-2:]
            raise UserError(f"too little memory for {columns}×{rows} pixels; make the picture smaller") from error
        return dict(zip(outputs, found, strict=True))


@dataclass(frozen=True)
class _GraphLabeller:
    """The graph `read` as a labeller."""

    model: OnnxSynthesizer
    record: dict[str, str]

    def label(self, photo: Photo) -> LabelMap:
        """See `OnnxSynthesizer.estimate_labels`."""
        return self.model.estimate_labels(photo)


def _image(photo: Photo) -> NDArray[np.float32]:
    """A photo (H, W, 3) as the graphs take it, (1, 3, H, W) in [-1, 1]."""
    return (photo.astype(np.float32) / np.float32(255) * 2 - 1).transpose(2, 0, 1)[None]


def needed(package: str) -> Any:
    """A package of the extra `onnx`. Raises `UserError` when it is not installed."""
    try:
        return import_module(package)
    except ImportError:
        raise UserError(f"ONNX graphs need the package {package}: pip install 'sceneswap[onnx]'") from None
