"""Annotations beside the label maps, carried to the copies of a picture by its new name; what they say stays as it is.

| given | becomes |
| --- | --- |
| a folder of NAME.txt (YOLO) | NAME__1.txt, the same bytes |
| a folder of NAME.xml (Pascal VOC) | NAME__1.xml, naming the copy in `<filename>` (and `<path>`) |
| a .json file (COCO) | a file of the same name: every image and its annotations once per copy, under new ids |
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from xml.sax.saxutils import escape

from sceneswap.data.pairing import Pair
from sceneswap.errors import UserError
from sceneswap.files import read_bytes, read_json, write_json

_PER_PICTURE = (".txt", ".xml")
_LARGEST = 2 * 1024**3  # bytes of a COCO file; that of COCO's 118,000 training pictures has 0.45 GB
_NAMED = re.compile(rb"(<(filename|path)>)[^<]*(</\2>)")


@dataclass(frozen=True)
class Annotations:
    """Files of annotations. folders: with a file for every picture. coco: JSON files for all of them."""

    folders: tuple[Path, ...] = ()
    coco: tuple[Path, ...] = ()

    @classmethod
    def of(cls, paths: Iterable[Path], taken: Iterable[str] = ()) -> "Annotations":
        """Tell the kinds apart. taken: names that other files have beside the copies. Raises `UserError`."""
        names, folders, coco = set(taken), list[Path](), list[Path]()
        for path in paths:
            if path.is_dir():
                folders.append(path)
            elif path.suffix.lower() == ".json":
                coco.append(path)
            elif not path.exists():
                raise UserError(f"--annotations {path} does not exist; name a folder of .txt or .xml files, or a .json")
            else:
                raise UserError(f"--annotations {path} is neither a folder of .txt or .xml files nor a COCO .json file")
            if path.name in names or path.name in (".", ".."):
                raise UserError(f"--annotations {path}: there would be two {path.name} beside the copies; rename it")
            names.add(path.name)
        return cls(tuple(folders), tuple(coco))

    def check(self, pairs: Sequence[Pair]) -> None:
        """Raise `UserError` for what cannot be annotations of these pictures: nothing in it bears the name of one."""
        for folder in self.folders:
            if not any(self._files(folder, pair) for pair in pairs):
                raise UserError(f"--annotations {folder} holds no .txt or .xml file named as a picture is")
        for path in self.coco:
            if not self.copied(path, {pair.photo.stem: [pair.photo.name] for pair in pairs})["images"]:
                raise UserError(f"--annotations {path} names none of the pictures; check that it is of this data set")

    def beside(self, pair: Pair, picture: Path) -> dict[Path, bytes]:
        """The files for the copy `picture`, relative to the folder of copies, named as it is.

        Raises `UserError` when one cannot be read.
        """
        found = {}
        for folder in self.folders:
            for path in self._files(folder, pair):
                data = read_bytes(path)
                if path.suffix.lower() == ".xml":
                    data = _renamed(data, picture.name)
                found[Path(folder.name, f"{picture.stem}{path.suffix}")] = data
        return found

    def write_coco(self, out: Path, pictures: Mapping[str, Sequence[str]]) -> None:
        """Write the COCO files into `out`. pictures: a picture's file name without suffix -> those of its copies."""
        for path in self.coco:
            write_json(out / path.name, self.copied(path, pictures), indent=None)

    @staticmethod
    def copied(path: Path, pictures: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """A COCO file with every image and its annotations once for every one of its copies, and only these.

        New ids go on where the old ones end, so that a file of both has no id twice. Raises `UserError`.
        """
        content = read_json(path, "annotations in COCO's format", most=_LARGEST)
        try:
            images, annotations = content["images"], content.get("annotations", [])
            next_image, next_annotation = (1 + max((int(one["id"]) for one in some), default=0) for some in
                                           (images, annotations))  # fmt: skip
            of_image: dict[Any, list[dict[str, Any]]] = {}
            for annotation in annotations:
                of_image.setdefault(annotation["image_id"], []).append(annotation)
            new_images, new_annotations = list[dict[str, Any]](), list[dict[str, Any]]()
            for image in images:
                file = PurePosixPath(image["file_name"])
                for picture in pictures.get(file.stem, ()):
                    number = next_image + len(new_images)
                    new_images.append({**image, "id": number, "file_name": str(file.with_name(picture))})
                    for annotation in of_image.get(image["id"], ()):
                        own = {"id": next_annotation + len(new_annotations), "image_id": number}
                        new_annotations.append({**annotation, **own})
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise UserError(
                f"{path} is not in COCO's format ({error!r}); it needs images with id and file_name, and annotations with id "
                "and image_id"
            ) from error
        return {**content, "images": new_images, "annotations": new_annotations}

    @staticmethod
    def _files(folder: Path, pair: Pair) -> list[Path]:
        return [path for path in (folder / f"{pair.photo.stem}{suffix}" for suffix in _PER_PICTURE) if path.is_file()]


def _renamed(xml: bytes, picture: str) -> bytes:
    """Annotations of Pascal VOC that name `picture`; every other byte stays."""
    new = escape(picture).encode("utf-8", "surrogateescape")
    return _NAMED.sub(lambda tag: tag[1] + new + tag[3], xml)
