"""Colour profiles made by hand, for tests: a matrix and a gamma in the bytes that ICC.1:2001 (version 2) lays down."""

import struct

import numpy as np

# Display P3's primaries and Adobe RGB's, columns red, green, blue, as XYZ under D50 (the values of their ICC profiles).
P3 = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])
ADOBE = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])


def fixed(values: np.ndarray) -> bytes:
    return b"".join(struct.pack(">i", round(float(v) * 65536)) for v in values)


def profile(primaries: np.ndarray | None, gamma: float) -> bytes:
    """An ICC profile of RGB with these primaries, or of grey (None), with a pure gamma."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    white = b"XYZ " + bytes(4) + fixed(np.array([0.9642, 1.0, 0.8249]))
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78)
    tags = {b"desc": text + bytes(-len(text) % 4), b"wtpt": white}
    if primaries is None:
        tags[b"kTRC"] = curve
    else:
        for name, column in zip((b"r", b"g", b"b"), primaries.T, strict=True):
            tags[name + b"XYZ"] = b"XYZ " + bytes(4) + fixed(column)
            tags[name + b"TRC"] = curve
    table, data, offset = b"", b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", offset + len(data), len(content))
        data += content
    size = 128 + 4 + len(table) + len(data)
    head = struct.pack(
        ">I4sI4s4s4s", size, bytes(4), 0x02400000, b"mntr", b"GRAY" if primaries is None else b"RGB ", b"XYZ "
    )
    head += bytes(12) + b"acsp" + bytes(28) + fixed(np.array([0.9642, 1.0, 0.8249])) + bytes(48)
    return head + struct.pack(">I", len(tags)) + table + data


def as_srgb(color: tuple[int, int, int], primaries: np.ndarray, gamma: float) -> list[int]:
    """What a colour is in sRGB, by the formulas of the standards."""
    linear = np.linalg.solve(SRGB, primaries @ (np.array(color) / 255) ** gamma).clip(0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return [round(float(v) * 255) for v in encoded]
