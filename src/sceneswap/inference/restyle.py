"""Restyling on the fly: a transform for training, and a data set that applies it.

    restyle = Restyle(swap, "evenings/", p=0.5, schema="camvid")
    image, mask = restyle(image, mask)                       # torchvision: v2.Compose([restyle, v2.RandomHorizontalFlip(), …])
    A.Compose([restyle.albumentations(), …])                 # Albumentations
    data = Restyled(dataset, restyle, seed=1)                # any data set of (image, mask, …)

A picture comes back in the form in which it was given. The looks are encoded once, when the transform is made.
"""

import os
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset

from sceneswap.data.folder import FolderDataset
from sceneswap.errors import UserError
from sceneswap.files import is_look
from sceneswap.images import PHOTO_SUFFIXES, resize_photo
from sceneswap.inference.given import Given, is_tensor, label_map_of, photo_of
from sceneswap.inference.look import Look, alike, known_shares
from sceneswap.inference.reading import class_shares
from sceneswap.labels.io import resize_label_map
from sceneswap.labels.presets import load_schema
from sceneswap.labels.schema import LabelSchema
from sceneswap.pictures import inside
from sceneswap.scene import LabelMap, Photo, Scene

if TYPE_CHECKING:
    from sceneswap.inference.synthesizer import Synthesizer

Looks: TypeAlias = Given | Scene | Look | Sequence["Given | Scene | Look"]
"""One look or several: photographs in any form that a call takes, saved looks, folders of both."""


class Restyle:
    """Draws pictures anew in a look chosen by chance; what their masks say stays true.

    swap: the model. looks: see `Looks`; of a folder with images/, labels/ and schema.toml the label maps are heeded too.
    p: how often a picture is drawn anew; otherwise it stays as it is. schema: what the ids in the masks mean, a preset or a
    file; the model's own by default. overlap: only looks whose classes are like the mask's, 0 … 1 (see
    `jobs.restyle.plan.RestyleSettings`); where there is none the picture stays. long_side: pixels at which pictures are
    drawn at most; they come back in their own size.

    >>> restyle = Restyle(swap, ["dusk.jpg", swap.look("beach.jpg")], p=1)
    >>> image, mask = np.zeros((48, 64, 3), np.uint8), np.zeros((48, 64), np.uint8)
    >>> drawn, same = restyle(image, mask)
    >>> drawn.shape, same is mask
    ((48, 64, 3), True)

    Chance is PyTorch's own (`torch.manual_seed`), which differs in every worker of a `DataLoader`; it works in workers that
    were forked or spawned, on a GPU in spawned ones. Put it before what scales or normalises values.
    Raises `UserError` for what cannot be a look, a probability or a schema.
    """

    def __init__(
        self,
        swap: "Synthesizer",
        looks: Looks,
        p: float = 0.5,
        *,
        schema: LabelSchema | str | None = None,
        overlap: float = 0.0,
        long_side: int = 512,
    ) -> None:
        for name, share in (("p", p), ("overlap", overlap)):
            if not 0 <= share <= 1:
                raise UserError(f"Restyle: {name} is {share}; give a share from 0 to 1")
        if long_side < 8:
            raise UserError(f"Restyle: long_side is {long_side}; a picture needs at least 8 pixels")
        self.swap, self.p, self.overlap, self.long_side = swap, p, overlap, long_side
        self.schema = load_schema(schema) if isinstance(schema, str) else schema or swap.schema
        if bool(np.all(self.schema.mapping_to(swap.schema) == swap.schema.void_index)):
            raise UserError(f"Restyle: no class of {self.schema.name} is one of the model's {swap.schema.name}")
        self.looks = [swap.look(one) for one in _listed(looks, swap.schema)]
        if not self.looks:
            raise UserError("Restyle: there are no looks; name photographs, saved looks or a folder of them")
        if overlap > 0 and (old := [one.name for one in self.looks if not one.shares]):
            raise UserError(f"Restyle: the look {old[0]} tells no classes, which overlap asks for; encode it again")
        self._shares = np.stack([known_shares(one.shares) for one in self.looks]) if overlap > 0 else None
        self._process = os.getpid()

    def __repr__(self) -> str:
        return f"Restyle({self.swap!r}, {len(self.looks)} looks, p={self.p})"

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _process=os.getpid())  # a spawned worker holds a model of its own

    def __call__(self, *given: Any, **named: Any) -> Any:
        """(image, mask, …) → (image, mask, …), the image drawn anew or not; what else is given passes through.

        The two may also come as one tuple, or by the names `image` and `mask`, for which a dictionary comes back. image: a PIL
        picture, (H, W, 3) uint8 or floats in [0, 1], or a tensor (3, H, W) of these; mask: ids of the same size, as a PIL
        picture, array or tensor. Raises `UserError` for anything else, and for ids that the schema does not know.
        """
        if named and not given:
            if not {"image", "mask"} <= named.keys():
                raise UserError(f"Restyle takes image and mask, but {', '.join(named)} was given")
            return {**named, "image": self.apply(named["image"], named["mask"])}
        packed = len(given) == 1 and isinstance(given[0], tuple | list)
        items = tuple(given[0]) if packed else given
        if len(items) < 2 or named:
            raise UserError("Restyle takes an image and its mask: put it where both pass through, before they part")
        return (self.apply(items[0], items[1]), *items[1:])

    def apply(self, image: Given, mask: Given, generator: torch.Generator | None = None) -> Any:
        """The image, drawn anew with probability `p`. generator: of chance; PyTorch's global one by default."""
        if self.p <= float(torch.rand((), generator=generator)):
            return image
        pick = int(torch.randint(2**31, (), generator=generator))
        return self.draw(image, mask, pick)

    def draw(self, image: Given, mask: Given, pick: int) -> Any:
        """The image drawn anew in look `pick`, counted round those that fit; as it is where none fits, or all is void."""
        self._check_process()
        photo, label_map = photo_of(image), self.schema.convert(label_map_of(mask, self.schema), self.swap.schema)
        if photo.shape[:2] != label_map.shape:
            raise UserError(
                f"Restyle: the image has {photo.shape[1]}×{photo.shape[0]} pixels and its mask {label_map.shape[1]}×"
                f"{label_map.shape[0]}; crop and resize both alike"
            )
        fitting = self._fitting(label_map)
        if not fitting:
            return image
        layout = resize_label_map(label_map, inside(label_map.shape, self.long_side))
        drawn = self.swap.draw(layout, fitting[pick % len(fitting)])
        return _like(image, resize_photo(drawn, (photo.shape[0], photo.shape[1])))

    def albumentations(self) -> Any:
        """The same as a transform of Albumentations, for `A.Compose`, with its own seeds. Needs Albumentations 2."""
        return _albumentations_class()(self)

    def _fitting(self, label_map: LabelMap) -> list[Look]:
        shares = class_shares(label_map, self.swap.schema)
        if shares[-1] == 1:  # void everywhere
            return []
        if self._shares is None:
            return self.looks
        near = alike(shares, self._shares, self.overlap)
        return [look for look, is_near in zip(self.looks, near, strict=True) if is_near]

    def _check_process(self) -> None:
        if os.getpid() != self._process and self.swap.device.type == "cuda":
            raise UserError(
                "Restyle: a model on a GPU cannot be used in a forked worker; give the DataLoader "
                'multiprocessing_context="spawn", or put the model on the CPU'
            )


class Restyled(Dataset[Any]):
    """A data set of (image, mask, …) whose images are drawn anew by chance: item i is a pure function of (seed, epoch, i).

    dataset: anything with a length whose items are tuples that begin with image and mask (see `Restyle`), untransformed.
    transform: what then happens to the whole item, called as transform(image, mask, …). The number of workers changes
    nothing, and `set_epoch` reaches workers that live on.

    >>> scene = np.zeros((48, 64, 3), np.uint8), np.zeros((48, 64), np.uint8)
    >>> data = Restyled([scene, scene], Restyle(swap, "dusk.jpg", p=1), seed=1)
    >>> data.set_epoch(3)
    >>> len(data), bool((data[0][0] == scene[0]).all())
    (2, False)
    """

    def __init__(self, dataset: Any, restyle: Restyle, *, seed: int = 0, transform: Any = None) -> None:
        self.dataset, self.restyle, self.seed, self.transform = dataset, restyle, seed, transform
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        item = self.dataset[index]
        if not isinstance(item, tuple | list) or len(item) < 2:
            raise UserError(f"Restyled: item {index} of the data set is no (image, mask, …)")
        word = np.random.SeedSequence([self.seed, int(self._epoch), index]).generate_state(1, np.uint64)[0]
        generator = torch.Generator().manual_seed(int(word) >> 1)
        drawn = (self.restyle.apply(item[0], item[1], generator), *item[1:])
        return drawn if self.transform is None else self.transform(*drawn)

    def set_epoch(self, epoch: int) -> None:
        """Choose anew, as of the items read from now on: call it before every epoch."""
        self._epoch.fill_(epoch)


def _listed(looks: Any, schema: LabelSchema) -> Iterator[Any]:
    """The looks one by one, folders opened; of a data folder its scenes in `schema`."""
    for one in looks if isinstance(looks, list | tuple) else [looks]:
        if not (isinstance(one, str | os.PathLike) and Path(one).is_dir()):
            yield one
        elif (Path(one) / "images").is_dir():
            scenes = FolderDataset([Path(one)], schema)
            yield from (scenes[i] for i in range(len(scenes)))
        else:
            inner = sorted(Path(one).iterdir())
            yield from (p for p in inner if p.name[0] != "." and (is_look(p) or p.suffix.lower() in PHOTO_SUFFIXES))


def _like(image: Any, photo: Photo) -> Any:
    """A photo (H, W, 3) uint8 in the form, type and range of `image`."""
    if isinstance(image, Image.Image):
        return Image.fromarray(photo)
    if not is_tensor(image):
        return photo if image.dtype == np.uint8 else (photo / 255).astype(image.dtype)
    drawn = torch.from_numpy(photo)
    if image.shape[-3] == 3:  # channels first
        drawn = drawn.permute(2, 0, 1).contiguous()
    drawn = drawn if image.dtype == torch.uint8 else drawn.to(image.dtype) / 255
    return drawn.reshape(image.shape).to(image.device).as_subclass(type(image))  # torchvision's images stay its own


@cache
def _albumentations_class() -> type[Any]:
    """The transform for Albumentations, made where that library is there."""
    try:
        import albumentations
    except ImportError as error:
        raise UserError("Albumentations is not installed; pip install albumentations") from error

    class AlbumentationsRestyle(albumentations.ImageOnlyTransform):
        def __init__(self, restyle: Restyle) -> None:
            super().__init__(p=restyle.p)
            self.restyle = restyle

        @property
        def targets_as_params(self) -> list[str]:
            return ["image", "mask"]

        def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
            return {"drawn": self.restyle.draw(data["image"], data["mask"], self.py_random.randrange(2**31))}

        def apply(self, img: Any, drawn: Any = None, **params: Any) -> Any:
            return drawn

        def get_transform_init_args_names(self) -> tuple[str, ...]:
            return ()

    AlbumentationsRestyle.__module__, AlbumentationsRestyle.__qualname__ = __name__, "AlbumentationsRestyle"
    return AlbumentationsRestyle


def __getattr__(name: str) -> Any:  # by which a spawned worker finds the class
    if name == "AlbumentationsRestyle":
        return _albumentations_class()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
