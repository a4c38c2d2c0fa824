"""Label maps in MATLAB files, as COCO-Stuff 10k is downloaded: the matrix S of each."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneswap.errors import UserError, first_line
from sceneswap.files import check_regular, read_bytes
from sceneswap.images import MAX_PIXELS, check_pixels
from sceneswap.labels.convention import encode
from sceneswap.labels.io import read_label_map
from sceneswap.labels.schema import LabelSchema
from sceneswap.scene import LabelMap

SUFFIX = ".mat"
_NAME = "S"


def read_matlab_values(path: Path, max_pixels: int = MAX_PIXELS) -> NDArray[Any]:
    """Return the numbers in the matrix S of a MATLAB file (version 5, which holds no code), (H, W) integers.

    The size is checked before the matrix is read. Raises `UserError` when the file is damaged or holds no such matrix.
    """
    from scipy.io import loadmat, whosmat

    check_regular(path, "the label map")
    try:
        file = io.BytesIO(read_bytes(path))
        shapes = {name: shape for name, shape, _ in whosmat(file, appendmat=False)}
        if len(shapes.get(_NAME, ())) != 2:
            raise UserError(f"the label map {path} holds no matrix {_NAME}, as the files of COCO-Stuff 10k do")
        check_pixels(path, "label map", shapes[_NAME][1], shapes[_NAME][0], max_pixels)
        values = np.asarray(loadmat(file, appendmat=False, variable_names=[_NAME])[_NAME])
    except UserError:
        raise
    except Exception as error:  # SciPy raises almost anything on a damaged file
        detail = first_line(error)
        raise UserError(f"the label map {path} is damaged ({detail}); download it again") from error
    whole = values.astype(np.int64)
    if not np.array_equal(whole, values):
        raise UserError(f"the label map {path} holds numbers that are no ids; download it again")
    return whole


def read_any_label_map(path: Path, schema: LabelSchema) -> LabelMap:
    """`labels.io.read_label_map`, of MATLAB files too."""
    if path.suffix.lower() == SUFFIX:
        return encode(read_matlab_values(path), schema, str(path))
    return read_label_map(path, schema)
