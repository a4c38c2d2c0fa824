"""A released model as users hold it: any layout, in the look of any photograph.

    swap = Synthesizer.from_pretrained()
    swap("beach.jpg", "dusk.jpg").save("beach_at_dusk.png")     # paths, PIL pictures, arrays, tensors
    look = swap.look("dusk.jpg")                                # once, for any number of layouts
    pictures = swap(["beach.jpg", "park.jpg"], look)

That is all that most need. Beneath it lie `encode` (a `Scene` → a `Look`) and `draw` (a label map of class indices in a
look), which know no files. A look is a frozen value of a few kilobytes in the caller's hands, to keep as a file if wanted
(`Look.save`). The synthesizer keeps no state between calls, so several threads may share one.
"""

import tempfile
from copy import deepcopy
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, overload

import torch
from PIL import Image
from torch import Tensor

from sceneswap import __version__, checkpoint
from sceneswap.checkpoint import WEIGHTS, Release, load_release, save_release
from sceneswap.errors import UserError
from sceneswap.files import is_look, sha256, write_text
from sceneswap.inference import hub
from sceneswap.inference.blend import Blend
from sceneswap.inference.callables import SegmenterFunction
from sceneswap.inference.device import DTYPES, Precision, choose_device, choose_precision
from sceneswap.inference.drawing import Drawing
from sceneswap.inference.given import Given, as_list, matched
from sceneswap.inference.labelling import choose_labeller
from sceneswap.inference.look import Look
from sceneswap.inference.reading import DEFAULT_WORKING_SIZE, Labeller, trained_on_squares, trained_size
from sceneswap.inference.segmentation import Segmenter
from sceneswap.labels.schema import LabelSchema
from sceneswap.scene import Photo, Scene

Output = Literal["pil", "np", "pt"]
"""What a call returns: PIL pictures, arrays (H, W, 3) uint8, or tensors (3, H, W) float32 in [0, 1] on the CPU."""


class Synthesizer(Drawing):
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
