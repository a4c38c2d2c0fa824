"""A released model as users hold it: any layout, in the look of any photograph.

    swap = Synthesizer.from_pretrained()
    swap("beach.jpg", "dusk.jpg").save("beach_at_dusk.png")     # paths, PIL pictures, arrays, tensors
    look = swap.look("dusk.jpg")                                # once, for any number of layouts
    pictures = swap(["beach.jpg", "park.jpg"], look)

That is all that most need. Beneath it lie `encode` (a `Scene` → a `Look`) and `draw` (a label map of class indices in a
look), which know no files. A look is a frozen value of a few kilobytes in the caller's hands, to keep as a file if wanted
(`Look.save`). The synthesizer keeps no state between calls, so several threads may share one.
"""

# Long: the one class that users hold; its docstrings are its reference.

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast, overload

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from sceneswap import __version__, checkpoint
from sceneswap.checkpoint import WEIGHTS, Release, load_release, save_release
from sceneswap.errors import UserError
from sceneswap.files import is_look, sha256, write_text
from sceneswap.images import resize_photo
from sceneswap.inference import hub
from sceneswap.inference.blend import Blend
from sceneswap.inference.callables import SegmenterFunction
from sceneswap.inference.device import DTYPES, Precision, choose_device, choose_precision
from sceneswap.inference.given import Given, as_list, matched
from sceneswap.inference.labelling import choose_labeller
from sceneswap.inference.look import Look, joined
from sceneswap.inference.mixing import draw_mixed
from sceneswap.inference.reading import (
    DEFAULT_WORKING_SIZE,
    LABEL_SIDE,
    Encoded,
    Labeller,
    Reading,
    class_shares,
    picture_sha256,
    trained_on_squares,
    trained_size,
)
from sceneswap.inference.segmentation import Segmenter, classes_at
from sceneswap.inference.thumbnail import thumbnail
from sceneswap.inference.tiled import OnTile, draw_tiled, estimate
from sceneswap.labels.io import resize_label_map
from sceneswap.labels.schema import LabelSchema
from sceneswap.models.generator import Exemplar, Generator
from sceneswap.models.spade_vae import Latent
from sceneswap.notes import LOG
from sceneswap.pictures import inside
from sceneswap.progress import time_in_words
from sceneswap.scene import LabelMap, Photo, Scene
from sceneswap.tensors import to_images, to_photos

DRAWN_AT_ONCE = {"cpu": 1_000_000, "mps": 1_000_000, "cuda": 4_000_000}
"""The largest pictures that are drawn at once, in pixels; a pixel takes some 1.3 kB of memory."""

Output = Literal["pil", "np", "pt"]
"""What a call returns: PIL pictures, arrays (H, W, 3) uint8, or tensors (3, H, W) float32 in [0, 1] on the CPU."""


class Synthesizer(Reading):
    """A model, its label schema and the device it runs on.

    release: what `load_release` returns, folded and in evaluation mode. name: written into pictures, like weights_sha256,
    the hash of the file model.safetensors (by default of the one that `save_pretrained` would write).
    device, precision, dtype, segmenter, segmenter_schema: see `from_pretrained`.
    """

    def __init__(
        self,
        release: Release,
        *,
        name: str = "",
        weights_sha256: str = "",
        device: torch.device | str = "auto",
        precision: Precision | None = None,
        dtype: torch.dtype | None = None,
        segmenter: str | Path | Segmenter | SegmenterFunction | None = None,
        segmenter_schema: LabelSchema | str | None = None,
    ) -> None:
        self._asked, self.device = device, choose_device(device)
        self.precision = choose_precision(precision, dtype, self.device)
        self.release = release
        self.schema = release.schema
        self.name = name or str(release.record.get("name", "unnamed"))
        self.weights_sha256 = weights_sha256 or checkpoint.weights_sha256(release.network)
        self.working_size = trained_size(release.record) or DEFAULT_WORKING_SIZE
        self._segmenter = segmenter, segmenter_schema
        self.squares = trained_on_squares(release.record)
        self._network = release.network.to(device=self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __getstate__(self) -> dict[str, Any]:
        """What travels to another machine: the network on the processor, whatever it runs on here."""
        if self.device.type == "cpu":
            return self.__dict__
        state = {name: value for name, value in self.__dict__.items() if name != "labeller"}  # its network is here, too
        return state | {"_network": deepcopy(self._network).cpu()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Arrive on another machine: "auto" is what is there."""
        self.__dict__.update(state)
        self.device = choose_device(self._asked)
        self._network = self._network.to(self.device)

    def __repr__(self) -> str:
        return (
            f"Synthesizer({self.name!r}, device={str(self.device)!r}, precision={self.precision!r}, "
            f"schema={self.schema.name!r} of {self.schema.num_classes} classes)"
        )

    @property
    def dtype(self) -> torch.dtype:
        """The type in which convolutions run: torch.float32 or torch.bfloat16; weights are always float32."""
        return DTYPES[self.precision]

    def to(self, *where: torch.device | str | torch.dtype) -> "Synthesizer":
        """Move to a device, compute in another type, or both, as `torch.nn.Module.to` does: in place; returns itself.

        >>> swap.to("cpu", torch.bfloat16).dtype
        torch.bfloat16
        >>> swap.to(torch.float32)
        Synthesizer('outdoor-small', device='cpu', precision='fp32', schema='outdoor' of 36 classes)

        Looks need not be moved. Raises `UserError` when the device is not there or cannot compute in the type.
        """
        device, precision = self.device, str(self.precision)
        for one in where:
            if isinstance(one, torch.dtype):
                precision = choose_precision(None, one, device)
            else:
                self._asked, device = one, choose_device(one)
        self.precision = choose_precision(precision, None, device)
        if device != self.device:
            self.device, self._network = device, self._network.to(device)
            self.__dict__.pop("labeller", None)  # its network is on the old one
        return self

    # --- Models -------------------------------------------------------------------------------------------------------

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path | None = None,
        *,
        device: torch.device | str = "auto",
        precision: Precision | None = None,
        dtype: torch.dtype | None = None,
        segmenter: str | Path | Segmenter | SegmenterFunction | None = None,
        segmenter_schema: LabelSchema | str | None = None,
        revision: str | None = None,
        vgg19: Path | None = None,
    ) -> "Synthesizer":
        """Open a model: a name of `sceneswap.list_models()`, a release folder, or a hub id `org/name`; None: the shipped one.

        >>> Synthesizer.from_pretrained("outdoor-small", device="cpu")
        Synthesizer('outdoor-small', device='cpu', precision='fp32', schema='outdoor' of 36 classes)

        device: "auto" takes CUDA, then Apple's GPU, then the CPU; or "cpu", "cuda", "cuda:1", "mps", or a `torch.device`.
        precision: "fp32" (the default), "bf16" (convolutions in bfloat16; pictures differ by 2 grey levels on average at
        most), or "auto": bf16 where the device computes in it, which is faster there, else fp32. dtype: the same as
        torch.float32 or torch.bfloat16.
        segmenter: what reads label maps off photographs in place of the model's label head: a name or file (see
        `load_segmenter`), or a function of your own from a PIL picture to (H, W) ids or class names, which are those of
        `segmenter_schema` (a preset, a file or a `LabelSchema`), of the function's attribute `schema`, or else the model's.
        revision: of a hub id. vgg19: weights for models with the VGG-19 encoder, see `models.pretrained.vgg`.
        Raises `UserError` when the model is missing, damaged, or cannot be fetched, and when device or precision cannot be had.
        """
        where = choose_device(device)  # first: these are told at once, a model takes its time
        choose_precision(precision, dtype, where)
        folder = hub.locate(model, revision)
        release = load_release(folder, vgg19)
        name = str(release.record.get("name") or (hub.SHIPPED if model is None else Path(model).name))
        return cls(
            release,
            name=name,
            weights_sha256=sha256(folder / WEIGHTS),
            device=device,
            precision=precision,
            dtype=dtype,
            segmenter=segmenter,
            segmenter_schema=segmenter_schema,
        )

    def save_pretrained(self, folder: Path | str, *, half: bool = False) -> None:
        """Write the release files into `folder`; half: fp16 weights. Raises `UserError` when it cannot be written."""
        save_release(Path(folder), replace(self.release, record={**self.release.record, "name": self.name}), half=half)

    def push_to_hub(self, repo_id: str, *, half: bool = False, private: bool = False, card: str | None = None) -> str:
        """Upload the release files to the hub as `org/name`, with `card` as its README.md; return the commit's address.

        Raises `UserError` when the hub refuses or cannot be reached.
        """
        with tempfile.TemporaryDirectory() as folder:
            self.save_pretrained(folder, half=half)
            if card is not None:
                write_text(Path(folder) / "README.md", card)
            return hub.push(Path(folder), repo_id, private=private, message=f"sceneswap {__version__}: {self.name}")

    # --- The call -----------------------------------------------------------------------------------------------------

    @overload
    def __call__(
        self, layout: Given | Scene, look: Given | Scene | Look | Blend, *, output: Literal["pil"] = "pil",
        long_side: int | None = None, schema: LabelSchema | str | None = None,
    ) -> Image.Image: ...  # fmt: skip

    @overload
    def __call__(
        self, layout: Given | Scene, look: Given | Scene | Look | Blend, *, output: Literal["np"],
        long_side: int | None = None, schema: LabelSchema | str | None = None,
    ) -> Photo: ...  # fmt: skip

    @overload
    def __call__(
        self, layout: Given | Scene, look: Given | Scene | Look | Blend, *, output: Literal["pt"],
        long_side: int | None = None, schema: LabelSchema | str | None = None,
    ) -> Tensor: ...  # fmt: skip

    @overload
    def __call__(
        self, layout: Any, look: Any, *, output: Output = "pil", long_side: int | None = None,
        schema: LabelSchema | str | None = None,
    ) -> list[Any]: ...  # fmt: skip

    def __call__(
        self,
        layout: Any,
        look: Any,
        *,
        output: Output = "pil",
        long_side: int | None = None,
        schema: LabelSchema | str | None = None,
    ) -> Any:
        """Draw a layout in a look: a PIL picture, or with output "np" (H, W, 3) uint8, "pt" (3, H, W) float32 in [0, 1].

        layout: a label map or a photograph, whose label map is then estimated: a path, a PIL picture, an array or a tensor
        in the forms of `inference.given`, or a `Scene`. look: a photograph likewise, a saved look, or a `Look` or `Blend`.
        Each may also be a list or a batch (B, 3, H, W); then a list of pictures comes back, drawn in order, and what is not
        a list serves for all.

        >>> swap("beach.jpg", "dusk.jpg", long_side=96).size
        (96, 72)
        >>> look = swap.look("dusk.jpg")
        >>> label_map = np.zeros((48, 64), np.uint8)                        # ids: 0 is sky
        >>> [picture.shape for picture in swap([label_map, label_map.T], look, output="pt")]
        [torch.Size([3, 48, 64]), torch.Size([3, 64, 48])]

        long_side: of the picture in pixels, never more than the layout has; by default label maps are drawn as large as they
        are and photographs at 512. schema: what the ids of label maps mean; by default what a schema.toml beside a file says,
        else the model's own classes. Raises `UserError`.
        """
        if output not in ("pil", "np", "pt"):
            raise UserError(f"there is no output {output!r}; choose pil, np or pt")
        layouts, looks = as_list(layout), as_list(look)
        if layouts is not None or looks is not None:
            shared = look if looks is not None else self._look(look)  # encoded once
            pairs = matched(layouts, looks, layout, shared)
            return [self(one, other, output=output, long_side=long_side, schema=schema) for one, other in pairs]
        wanted = self._look(look)
        photo = self.draw(self.layout(layout, long_side=long_side, schema=schema), wanted)
        if output == "pil":
            return Image.fromarray(photo)
        return photo if output == "np" else torch.from_numpy(photo).permute(2, 0, 1).float() / 255

    def look(
        self,
        exemplar: Given | Scene | Look,
        label_map: Given | None = None,
        *,
        schema: LabelSchema | str | None = None,
        size: int | None = None,
    ) -> Look:
        """The look of a photograph, in any form that a call takes; a saved look is opened.

        >>> look = swap.look("dusk.jpg")
        >>> look.save("dusk.look.safetensors")
        >>> swap.look("dusk.look.safetensors").name
        'dusk.jpg'

        label_map: of the photograph, of its size or at least its aspect, with ids of `schema`; estimated when left out.
        size: see `encode`. Raises `UserError`.
        """
        if isinstance(exemplar, Look) or (isinstance(exemplar, str | Path) and is_look(exemplar)):
            if label_map is not None:
                raise UserError("a look needs no label map; leave it out")
            found = exemplar if isinstance(exemplar, Look) else Look.load(exemplar)
            self.check_look(found)
            return found
        return self.encode(self.scene(exemplar, label_map, schema=schema), size=size)

    @cached_property
    def labeller(self) -> Labeller:
        """What estimates label maps of photographs, loaded when it is first needed. Raises `UserError` when nothing can."""
        segmenter, schema = self._segmenter
        return choose_labeller(self, segmenter, schema)

    def _look(self, given: Any) -> Look | Blend:
        return given if isinstance(given, Blend) else self.look(given)

    # --- Photographs without label maps -------------------------------------------------------------------------------

    @property
    def estimates_labels(self) -> bool:
        """Whether the model has a label head; see `estimate_labels`."""
        return getattr(self._network, "label_head", None) is not None

    def check_label_head(self) -> None:
        """Raise `UserError` when the model has no label head."""
        if not self.estimates_labels:
            raise UserError(
                f"the model {self.name} has no label head to read photographs with; give a label map for every "
                "photograph, or name a segmentation network with --segmenter"
            )

    def estimate_labels(self, photo: Photo) -> LabelMap:
        """Estimate the label map of a photograph (H, W, 3) uint8 with the model's label head: (H, W) indices.

        The photograph is read at `working_size` as `encode` reads it; borders are placed on a grid of at most
        `LABEL_SIDE` pixels. Raises `UserError` when the model has no label head.
        """
        self.check_label_head()
        size = (photo.shape[0], photo.shape[1])
        shape = self.working_shape(size)
        with self._inference("the photograph", shape):
            logits = cast(Generator, self._network).estimate_labels(self._to_image(photo, shape))
            return resize_label_map(classes_at(logits, inside(size, LABEL_SIDE))[0], size)

    # --- Drawing ------------------------------------------------------------------------------------------------------

    def encode(self, exemplar: Scene, *, size: int | None = None) -> Look:
        """Encode an exemplar, once for any number of drawings.

        >>> swap.encode(swap.scene("dusk.jpg")).size
        (224, 288)

        The whole picture is resized, nothing is cropped: to the pixel area of a square of side `size`, its aspect kept
        up to rounding to the stride (to that very square, where training resized photographs to squares). By default
        `size` is `working_size`, the size at which the model saw whole photographs in training: textures have the scale
        that its features know, and what is encoded does not depend on the label map to be drawn. A larger `size` keeps
        finer detail, at the cost of memory.
        """
        if not isinstance(exemplar, Scene):
            raise UserError(
                f"what is encoded is a Scene, a photograph with its label map, not {type(exemplar).__name__}; "
                "Synthesizer.look takes photographs in any form"
            )
        shape = self.working_shape(exemplar.size, size)
        with self._inference(f"the exemplar {exemplar.name}", shape):
            encoded = self._network.encode_exemplar(*self.exemplar_input(exemplar, size=size))
            plain = encoded.of({name: tensor.float().cpu() for name, tensor in encoded.tensors().items()})
        picture = picture_sha256(exemplar.photo)
        shares = class_shares(exemplar.label_map, self.schema)
        small = thumbnail(exemplar.photo)
        return Look(plain, exemplar.name, shape, self.schema, self.weights_sha256, picture, shares, small)

    def draw(
        self, label_map: NDArray[Any] | Tensor, look: Look | Blend, *, on_tile: OnTile = lambda done, total: None
    ) -> Photo:
        """Draw a label map (H, W) of any size, indices of the model's schema, as a photo (H, W, 3) uint8 of that size.

        >>> swap.draw(np.zeros((20, 30), np.int64), swap.look("dusk.jpg")).shape
        (20, 30, 3)

        Label maps of more than `DRAWN_AT_ONCE` pixels are drawn in tiles, which gives the same picture (±1) in bounded
        memory (`inference.tiled`); the logger "sceneswap" tells beforehand what it takes. on_tile: called after every tile
        with the number of tiles done and of all.
        look: one, or several blended (`inference.blend.blend`). Raises `UserError` for foreign indices, looks of another
        model or schema, and when the device has too little memory.
        """
        return self.draw_batch([label_map], [look], on_tile=on_tile)[0]

    def draw_batch(
        self,
        label_maps: Sequence[NDArray[Any] | Tensor],
        looks: Sequence[Look | Blend],
        *,
        batch_size: int = 1,
        on_tile: OnTile = lambda done, total: None,
    ) -> list[Photo]:
        """Draw label_maps[i] in looks[i]; photos (H, W, 3) uint8 in the order given.

        >>> look = swap.look("dusk.jpg")
        >>> [photo.shape for photo in swap.draw_batch([np.zeros((20, 30), int), np.ones((16, 16), int)], [look, look])]
        [(20, 30, 3), (16, 16, 3)]

        batch_size: how many pictures of one size are drawn at once; blends and large ones are drawn alone. One at a time
        is fastest on a processor, and takes the least memory. A batch that is not full is filled up with copies, so that
        every picture is computed in one shape whatever its company: a picture may depend on the batch size (±1), but never
        on what is drawn with it. on_tile: see `draw`.
        """
        if len(label_maps) != len(looks):
            raise ValueError(f"{len(label_maps)} label maps, but {len(looks)} looks")
        if batch_size < 1:
            raise UserError(f"a batch size of {batch_size}: give 1 or more")
        maps = [self._check(label_map) for label_map in label_maps]
        groups: dict[tuple[int, ...], list[int]] = {}
        photos: dict[int, Photo] = {}
        for i, (label_map, look) in enumerate(zip(maps, looks, strict=True)):
            for one in look.looks if isinstance(look, Blend) else (look,):
                self.check_look(one)
            if isinstance(look, Look) and not self._needs_tiles(label_map):
                groups.setdefault(label_map.shape, []).append(i)
        for members in groups.values():
            for chosen in _chunks(members, batch_size):
                filled = chosen + chosen[-1:] * (batch_size - len(chosen))
                plain = [look for i in filled if isinstance(look := looks[i], Look)]
                photos.update(zip(chosen, self._draw_equal([maps[i] for i in filled], plain), strict=False))
        for i, (label_map, look) in enumerate(zip(maps, looks, strict=True)):
            if self._needs_tiles(label_map):
                photos[i] = self._draw_large(label_map, look, on_tile)
            elif isinstance(look, Blend):
                photos[i] = self._draw_blend(label_map, look)
        return [photos[i] for i in range(len(maps))]

    @property
    def stride(self) -> int:
        """Height and width of what the network takes are multiples of this."""
        return self._network.stride

    def network_input(self, label_map: NDArray[Any]) -> Tensor:
        """A label map (H, W) as the network takes it: (1, H', W') int64 on the device, the sides extended to the stride."""
        return self._to_tensor([self._padded(self._check(label_map))])

    def exemplar_input(self, exemplar: Scene, *, size: int | None = None) -> tuple[Tensor, Tensor]:
        """An exemplar as the network takes it: image (1, 3, H2, W2) in [-1, 1] and label map (1, H2, W2); see `encode`."""
        label_map = self._check(exemplar.label_map)
        shape = self.working_shape(exemplar.size, size)
        return self._to_image(exemplar.photo, shape), self._to_tensor([resize_label_map(label_map, shape)])

    def describe(self) -> dict[str, Any]:
        """What pictures and pages say about the model: name, weights_sha256, schema, precision, sceneswap (version)."""
        return {
            "name": self.name,
            "weights_sha256": self.weights_sha256,
            "schema": self.schema.name,
            "precision": self.precision,
            "sceneswap": __version__,
        }

    def check_look(self, look: Encoded) -> None:
        """Raise `UserError` for what is no look, or one that is not of this model."""
        if isinstance(look, Encoded) and not isinstance(look, Look):
            raise UserError(f"the look {look.name} was opened for an exported model; open its file with Look.load")
        if not isinstance(look, Look):
            raise UserError(
                f"a look is made by Synthesizer.look, or several are mixed by blend; {type(look).__name__} is none"
            )
        if look.schema != self.schema:
            raise UserError(
                f"the look {look.name} was encoded by a model with the label schema {look.schema.name}, but this model has "
                f"{self.schema.name}; encode it with this one"
            )
        if look.model != self.weights_sha256:
            raise UserError(
                f"the look {look.name} was encoded by another model than {self.name} (the SHA-256 of its weights differs); "
                "encode it with this one"
            )
        if {name: tensor.shape for name, tensor in look.encoded.tensors().items()} != self._look_shapes:
            raise UserError(f"the look {look.name} does not fit its own model; its file is damaged, make it again")

    @cached_property
    def _look_shapes(self) -> dict[str, torch.Size]:
        """The shapes of every look of this model, by name."""
        side = 2 * self._network.stride
        image = torch.zeros(1, 3, side, side, device=self.device)
        with torch.inference_mode():
            encoded = self._network.encode_exemplar(image, image[:, 0].long())
        return {name: tensor.shape for name, tensor in encoded.tensors().items()}

    def _draw_equal(self, label_maps: list[LabelMap], looks: list[Look]) -> NDArray[np.uint8]:
        """Draw (H, W) label maps of one size: (B, H, W, 3) uint8."""
        height, width = label_maps[0].shape
        padded = self._to_tensor([self._padded(m) for m in label_maps])
        with self._inference("the label map", (height, width)):
            image = self._network.draw(padded, joined(looks, self.device))
            return to_photos(image[:, :, :height, :width])

    def _draw_blend(self, label_map: LabelMap, blend: Blend) -> Photo:
        height, width = label_map.shape
        exemplars, weights = self._mixture(label_map, blend)
        with self._inference("the label map and the weights of the blend", (height, width)):
            image = draw_mixed(self._network, self.network_input(label_map), exemplars, weights.to(self.device))
            return to_photos(image[0, :, :height, :width])

    def _needs_tiles(self, label_map: LabelMap) -> bool:
        return label_map.size > DRAWN_AT_ONCE[self.device.type]

    def _draw_large(self, label_map: LabelMap, look: Look | Blend, on_tile: OnTile) -> Photo:
        """Draw in tiles."""
        height, width = label_map.shape
        exemplars, weights = self._mixture(label_map, look)
        padded = torch.from_numpy(self._padded(label_map))
        with self._inference("a tile of the label map", (height, width)):
            if LOG.isEnabledFor(logging.INFO):
                effort = estimate(self._network, padded, exemplars, weights)
                LOG.info(
                    "drawing %s×%s pixels in tiles: about %s, and up to %.1f GB in %s",
                    width, height, time_in_words(effort.seconds), effort.bytes / 1e9, tempfile.gettempdir(),
                )  # fmt: skip
            return np.ascontiguousarray(draw_tiled(self._network, padded, exemplars, weights, on_tile)[:height, :width])

    def _mixture(self, label_map: LabelMap, look: Look | Blend) -> tuple[Exemplar | Latent, Tensor]:
        """Looks on the device, and on the CPU how much of each goes where: (J,) or (J, H', W'), sides as the network's."""
        if isinstance(look, Look):
            return joined([look], self.device), torch.ones(1)
        weights = look.weights_on(label_map)
        numbers = self._padded(weights) if isinstance(weights, np.ndarray) else np.asarray(weights, np.float32)
        return joined(cast(tuple[Look, ...], look.looks), self.device), torch.from_numpy(numbers)

    def _to_image(self, photo: Photo, size: tuple[int, int]) -> Tensor:
        """A photo resized to `size` as the network takes it, (1, 3, H, W) in [-1, 1]."""
        return to_images([resize_photo(photo, size)], self.device)

    def _to_tensor(self, label_maps: list[LabelMap]) -> Tensor:
        return torch.from_numpy(np.stack(label_maps).astype(np.int64)).to(self.device)

    @contextmanager
    def _inference(self, what: str, size: tuple[int, int]) -> Iterator[None]:
        """Run without gradients, in the precision asked for; too little memory becomes a `UserError`."""
        cast = torch.autocast(self.device.type, torch.bfloat16) if self.precision == "bf16" else nullcontext()
        try:
            with torch.inference_mode(), cast:
                yield
        except RuntimeError as error:
            if not isinstance(error, torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
                raise
            raise UserError(
                f"{self.device} has too little memory for {what} at {size[1]}×{size[0]} pixels; make it smaller, draw "
                "fewer at once or choose another device"
            ) from error


def _chunks(items: list[int], length: int) -> Iterator[list[int]]:
    for start in range(0, len(items), length):
        yield items[start : start + length]
