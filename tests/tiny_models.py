"""What now stands in tests/tiny.py, under its former name."""

from tests.tiny import SIZES as SIZES
from tests.tiny import make_photo as make_photo
from tests.tiny import make_scene as make_scene
from tests.tiny import vivid_release as tiny_release
from tests.tiny import write_photo as write_photo
from tests.tiny import write_run as write_run
from tests.tiny import write_segmenter as write_segmenter

__all__ = ["tiny_release"]
