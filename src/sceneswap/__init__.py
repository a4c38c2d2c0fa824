"""sceneswap: the layout of a label map, the look of another photograph.

>>> from sceneswap import Scene, Synthesizer
>>> synthesizer = Synthesizer.from_pretrained()                      # the shipped model
>>> look = synthesizer.encode(exemplar)                              # a Scene: photo and label map
>>> photo = synthesizer.draw(label_map, look)                        # (H, W, 3) uint8
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sceneswap.errors import UserError as UserError
    from sceneswap.inference.blend import blend as blend
    from sceneswap.inference.look import Look as Look
    from sceneswap.inference.synthesizer import Synthesizer as Synthesizer
    from sceneswap.labels.presets import load_schema as load_schema
    from sceneswap.labels.schema import LabelSchema as LabelSchema
    from sceneswap.scene import Scene as Scene

__version__ = "0.1.0"

_HOME = {
    "LabelSchema": "sceneswap.labels.schema",
    "Look": "sceneswap.inference.look",
    "Scene": "sceneswap.scene",
    "Synthesizer": "sceneswap.inference.synthesizer",
    "UserError": "sceneswap.errors",
    "blend": "sceneswap.inference.blend",
    "load_schema": "sceneswap.labels.presets",
}
__all__ = ["LabelSchema", "Look", "Scene", "Synthesizer", "UserError", "__version__", "blend", "load_schema"]


def __getattr__(name: str) -> Any:  # imported on first use: `import sceneswap` must not load PyTorch
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'sceneswap' has no attribute {name!r}")
