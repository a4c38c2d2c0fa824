"""sceneswap: the layout of a label map, the look of another photograph.

>>> from sceneswap import Synthesizer
>>> swap = Synthesizer.from_pretrained()                              # the shipped model
>>> swap("beach.jpg", "dusk.jpg").save("beach_at_dusk.png")           # paths, PIL pictures, arrays, tensors
>>> look = swap.look("dusk.jpg")                                      # once, for any number of layouts
>>> pictures = swap(["beach.jpg", "beach_at_dusk.png"], look)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sceneswap.errors import UserError as UserError
    from sceneswap.inference.blend import Blend as Blend
    from sceneswap.inference.blend import blend as blend
    from sceneswap.inference.hub import list_models as list_models
    from sceneswap.inference.look import Look as Look
    from sceneswap.inference.restyle import Restyle as Restyle
    from sceneswap.inference.restyle import Restyled as Restyled
    from sceneswap.inference.synthesizer import Synthesizer as Synthesizer
    from sceneswap.labels.presets import load_schema as load_schema
    from sceneswap.labels.schema import LabelSchema as LabelSchema
    from sceneswap.onnx.look import OnnxLook as OnnxLook
    from sceneswap.onnx.runtime import OnnxSynthesizer as OnnxSynthesizer
    from sceneswap.scene import Scene as Scene

__version__ = "0.1.0"

_HOME = {
    "Blend": "sceneswap.inference.blend",
    "LabelSchema": "sceneswap.labels.schema",
    "Look": "sceneswap.inference.look",
    "Restyle": "sceneswap.inference.restyle",
    "Restyled": "sceneswap.inference.restyle",
    "OnnxLook": "sceneswap.onnx.look",
    "OnnxSynthesizer": "sceneswap.onnx.runtime",
    "Scene": "sceneswap.scene",
    "Synthesizer": "sceneswap.inference.synthesizer",
    "UserError": "sceneswap.errors",
    "blend": "sceneswap.inference.blend",
    "list_models": "sceneswap.inference.hub",
    "load_schema": "sceneswap.labels.presets",
}
__all__ = [
    "Blend", "LabelSchema", "Look", "OnnxLook", "OnnxSynthesizer", "Restyle", "Restyled", "Scene", "Synthesizer",
    "UserError", "__version__", "blend", "list_models", "load_schema",
]  # fmt: skip


def __getattr__(name: str) -> Any:  # imported on first use: `import sceneswap` must not load PyTorch
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'sceneswap' has no attribute {name!r}")
