"""From photographs to label maps, for users who have photographs alone.

    reader = SceneReader(synthesizer)                     # or with the name of a segmentation network
    layout = reader.layout("beach.jpg")                   # a label map, or a photograph whose layout is estimated
    look = reader.look("dusk.jpg")                        # with its label map, or without; or a saved look

Nothing here works at the full resolution of a large photograph: a camera's JPEG is decoded at a fraction of its size.
"""

from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from sceneswap.data.folder import schema_beside
from sceneswap.errors import UserError
from sceneswap.files import is_look
from sceneswap.images import read_photo
from sceneswap.inference.doubt import doubt
from sceneswap.inference.labelling import Labeller, choose_labeller
from sceneswap.inference.look import Look
from sceneswap.inference.reading import ENOUGH, LABEL_SIDE, PHOTO_SIDE, labelled
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.jobs.note import file_note
from sceneswap.labels.io import is_lossy, is_photo, resize_label_map
from sceneswap.labels.schema import LabelSchema
from sceneswap.notes import LOG
from sceneswap.pictures import inside, shrink
from sceneswap.remote import place
from sceneswap.scene import LabelMap, Scene

_DOUBTS = 3  # exemplars whose label maps are compared with their photographs where no schema is given


class SceneReader:
    """Reads layouts and scenes for a model; label maps that are not there are estimated.

    segmenter: see `choose_labeller`; loaded when the first photograph needs it. long_side: of layouts in pixels, never
    more than they have; None: label maps as they are, photographs at `PHOTO_SIDE`. schema: what label maps hold that come
    without one; None: what a schema.toml beside them says, else the model's own, which is noted.
    """

    def __init__(
        self,
        synthesizer: Synthesizer,
        segmenter: str | Path | None = None,
        *,
        long_side: int | None = None,
        schema: LabelSchema | None = None,
    ) -> None:
        self.synthesizer, self.long_side = synthesizer, long_side
        self.schema = schema
        self._segmenter = segmenter
        self._photos: dict[Path, bool] = {}
        self._beside: dict[Path, LabelSchema | None] = {}  # folder -> what its schema.toml says
        self._doubts = _DOUBTS

    @cached_property
    def labeller(self) -> Labeller:
        """What estimates label maps. Raises `UserError` when nothing can."""
        return choose_labeller(self.synthesizer, self._segmenter) if self._segmenter else self.synthesizer.labeller

    def schema_of(self, label_map: Path | str, schema: LabelSchema | None = None) -> LabelSchema:
        """The schema that a label map is read in: `schema`, else the reader's, else that of a schema.toml, else the model's.

        Raises `UserError` for a schema.toml that is wrong.
        """
        return schema or self.schema or self._schema_beside(place(label_map)) or self.synthesizer.schema

    def is_photo(self, layout: Path | str, schema: LabelSchema | None = None) -> bool:
        """Whether a layout is a photograph, not a label map of `schema`; see `labels.io.is_photo`.

        Raises `UserError` also for a lossy file where a schema is given, which only label maps have.
        """
        path = place(layout)
        if path not in self._photos:
            photo = is_photo(path, self.schema_of(path, schema))
            if photo and (schema or self.schema) and is_lossy(path):
                raise UserError(
                    f"a schema is given for {path}, a lossy file, which cannot hold exact ids; save the label map as PNG, or "
                    "leave out the schema if it is a photograph whose layout is wanted"
                )
            if photo:
                LOG.warning("%s is taken as a photograph, its label map is estimated", path)
            self._photos[path] = photo
        return self._photos[path]

    def layout(self, path: Path | str, schema: LabelSchema | None = None, *, photo: bool | None = None) -> LabelMap:
        """Read a layout, a label map of `schema` or a photograph, as (H, W) indices of the model's schema.

        photo: which of the two it is; None: told by its content. Raises `UserError`.
        """
        if self.is_photo(path, schema) if photo is None else photo:
            return self.fitted(self.scene(path).label_map, photo=True)
        label_map = self.synthesizer.read_label_map(path, self.schema_of(path, schema))
        self._note_schema(place(path), schema)
        return self.fitted(label_map, photo=False)

    def fitted(self, label_map: LabelMap, *, photo: bool) -> LabelMap:
        """A label map at the size to be drawn. photo: whether it was estimated from a photograph."""
        side = self._side(photo)
        return label_map if side is None else resize_label_map(label_map, inside(label_map.shape, side))

    def scene(self, photo: Path | str, label_map: Path | str | None = None, schema: LabelSchema | None = None) -> Scene:
        """Read an exemplar; without a label map at a moderate size, its map estimated. Raises `UserError`."""
        if label_map is not None:
            known = self.schema_of(label_map, schema)
            scene = self.synthesizer.read_scene(photo, label_map, known)
            if self._note_schema(place(label_map), schema):
                self._note_doubt(scene, place(label_map), known)
            return scene
        labeller = self.labeller
        enough = max(ENOUGH, self.long_side or 0)
        pixels = shrink(read_photo(place(photo), at_least=enough), max(LABEL_SIDE, enough))
        return labelled(pixels, labeller, self.synthesizer.schema, str(photo))

    def exemplar(
        self, photo: Path | str, label_map: Path | str | None = None, schema: LabelSchema | None = None
    ) -> Scene | Look:
        """Read an exemplar: a photograph as a scene, or a saved look of this model. Raises `UserError`."""
        if not is_look(photo):
            return self.scene(photo, label_map, schema)
        if label_map is not None:
            raise UserError(f"{photo} is a look, which needs no label map; leave out {label_map}")
        look = Look.load(photo)
        self.synthesizer.check_look(look)
        return look

    def look(self, photo: Path | str, label_map: Path | str | None = None, schema: LabelSchema | None = None) -> Look:
        """The look of an exemplar; see `exemplar`."""
        found = self.exemplar(photo, label_map, schema)
        return found if isinstance(found, Look) else self.synthesizer.encode(found)

    def exemplar_notes(
        self, photo: Path, label_map: Path | None, schema: LabelSchema | None = None
    ) -> dict[str, dict[str, Any]]:
        """What a picture's note says of its exemplar and, unless it is a saved look, of the exemplar's label map."""
        note = file_note(self.synthesizer, photo)
        if is_look(photo):
            return {"exemplar": note}
        return {"exemplar": note, "exemplar_label_map": self.map_note(photo, label_map, schema)}

    def layout_note(
        self, path: Path, schema: LabelSchema | None = None, *, photo: bool | None = None
    ) -> dict[str, Any]:
        """What a picture's note says of its layout; see `map_note`."""
        seen = self.is_photo(path, schema) if photo is None else photo
        side = self._side(seen)
        return self.map_note(path, None if seen else path, schema) | ({"long_side": side} if side else {})

    def map_note(self, photo: Path, label_map: Path | None, schema: LabelSchema | None = None) -> dict[str, Any]:
        """What a picture's note says of a scene's label map: the file, or the photograph and what estimated it."""
        if label_map is not None:
            return file_note(self.synthesizer, label_map, self.schema_of(label_map, schema))
        return file_note(self.synthesizer, photo) | {"estimated_by": self.labeller.record}

    def _side(self, photo: bool) -> int | None:
        return self.long_side or (PHOTO_SIDE if photo else None)

    def _schema_beside(self, label_map: Path) -> LabelSchema | None:
        folder = label_map.absolute().parent
        if folder not in self._beside:
            self._beside[folder] = schema_beside(label_map)
        return self._beside[folder]

    def _note_schema(self, label_map: Path, schema: LabelSchema | None) -> bool:
        """Note which schema a label map was read in unless it was given; return whether nothing at all told it."""
        if schema or self.schema:
            return False
        if found := self._schema_beside(label_map):
            if found != self.synthesizer.schema:
                LOG.warning("label maps in %s are read as %s, as schema.toml says", label_map.parent, found.name)
            return False
        LOG.warning("label maps are read as %s (no schema given)", self.synthesizer.schema.name)
        return True

    def _note_doubt(self, scene: Scene, label_map: Path, schema: LabelSchema) -> None:
        """Note when the first exemplars show something else than their label maps say."""
        if self._doubts < 1:
            return
        self._doubts -= 1
        with suppress(UserError):  # nothing that could read the photograph
            if doubted := doubt(scene, label_map, schema, self.synthesizer.schema, self.labeller):
                LOG.warning("%s", doubted)
