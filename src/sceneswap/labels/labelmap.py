"""Schemas from the `labelmap.txt` that CVAT and tools like it write beside masks in the manner of PASCAL VOC.

# label:color_rgb:parts:actions
background:0,0,0::
sky:70,130,180::
"""

from typing import Any

from sceneswap.errors import UserError

VOID_NAMES = ("background", "unlabeled", "unlabelled", "void", "ignore", "ignored")
_VOID_IDS = (255, 65_535)
_SPARE = (224, 224, 192)  # VOC's own colour of void, where a class is black


def parse_labelmap(text: str, source: str) -> dict[str, Any]:
    """Return the fields of a schema for `presets.schema_from_dict`: ids by position, black background as void.

    A file's masks hold these colours or the positions. Raises `UserError` naming the line of `source` at fault.
    """
    classes: list[dict[str, Any]] = []
    void: list[int] = []
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    for position, (number, line) in enumerate((n, t) for n, t in lines if t and not t.startswith("#")):
        name, _, rest = line.partition(":")
        try:
            red, green, blue = (int(part) for part in rest.split(":")[0].split(","))
        except ValueError:
            raise UserError(f"{source}: line {number} is no label of labelmap.txt; write  sky:70,130,180::") from None
        if name.strip().lower() in VOID_NAMES and (red, green, blue) == (0, 0, 0):
            void.append(position)
        else:
            classes.append({"id": position, "name": name.strip(), "color": [red, green, blue]})
    taken = {c["id"] for c in classes}
    fields: dict[str, Any] = {"void_ids": [*void, *(i for i in _VOID_IDS if i not in taken)], "classes": classes}
    if any(c["color"] == [0, 0, 0] for c in classes):
        fields["void_color"] = list(_SPARE)
    return fields
