"""Buildings as boxes in perspective: a front that faces the viewer, one side, windows, roofs."""

import numpy as np

from sceneswap.procedural.canvas import Canvas, Window
from sceneswap.procedural.layout import Building
from sceneswap.procedural.noise import Field

STOREY = {"house": 2.8, "block": 3.2, "tower": 3.6}
BAY = {"house": 2.6, "block": 2.9, "tower": 3.0}


def paint_building(canvas: Canvas, building: Building) -> None:
    """Draw the side, the front and the roof of a building."""
    near, deep = building.near, building.near + building.deep
    inner = building.left if building.left > 0 else building.right if building.right < 0 else None
    if inner is not None:
        _side(canvas, building, inner, near, deep)
    _front(canvas, building)


def _row(canvas: Canvas, height: float, away: float) -> float:
    """Row of a point `height` metres above the ground, `away` metres off."""
    return canvas.layout.horizon + (canvas.layout.camera - height) / away


def _front(canvas: Canvas, building: Building) -> None:
    away, kind = building.near, building.kind
    width = building.right - building.left
    gable = 0.42 * width if kind == "house" else 0.0
    eaves = 0.04 * width if kind == "house" else 0.0
    window = canvas.window(0.5 + (building.left - eaves) / away, 0.5 + (building.right + eaves) / away,
                           _row(canvas, building.height + gable, away), _row(canvas, 0, away))  # fmt: skip
    if window is None:
        return
    rows, columns = window
    right = (canvas.x[:, columns] - 0.5) * np.float32(away) - np.float32(building.left)
    up = (np.float32(canvas.layout.horizon) - canvas.y[rows]) * np.float32(away) + np.float32(canvas.layout.camera)
    along = building.seed % 2 == 1 and kind == "house"  # ridge across the view: the roof's slope faces us
    off = np.abs(right - width / 2)
    if kind == "house" and along:
        inset = 0.12 * width * np.clip((up - building.height) / (0.55 * gable), 0, 1)
        roof = (up > building.height - 0.15) & (up < building.height + 0.55 * gable) & (off < width / 2 + eaves - inset)
        _roof(canvas, building, window, roof, right, up, 0.0)
        wall = (up < building.height) & (off < width / 2) & (up > 0)
    elif kind == "house":
        line = building.height + gable * (1 - off / (width / 2))
        wall = (up < line) & (off < width / 2) & (up > 0)
        roof = (up < line + 0.35) & (up > line - 0.12) & (up > building.height - 0.4)
        _roof(canvas, building, window, roof, right, up, 0.0)
        wall &= ~roof
    else:
        wall = (right > 0) & (right < width) & (up > 0) & (up < building.height)
    _facade(canvas, building, window, wall, right, up, width, away, 0.0)


def _side(canvas: Canvas, building: Building, inner: float, near: float, deep: float) -> None:
    edge = [0.5 + inner / near, 0.5 + inner / deep]
    top = max(building.height + (0.4 * (building.right - building.left) if building.kind == "house" else 0), 0)
    high = min(_row(canvas, top, near), _row(canvas, top, deep))
    window = canvas.window(min(edge), max(edge), high, _row(canvas, 0, near))
    if window is None:
        return
    rows, columns = window
    offset = canvas.x[:, columns] - 0.5
    away = np.float32(inner) / np.where(np.abs(offset) < 1e-4, np.float32(1e-4), offset)
    up = (np.float32(canvas.layout.horizon) - canvas.y[rows]) * away + np.float32(canvas.layout.camera)
    along = away - np.float32(near) + 0 * up
    facing = -0.9 if inner > 0 else 0.9
    wall = (up > 0) & (up < building.height)
    _facade(canvas, building, window, wall, along, up, deep - near, away, facing)
    if building.kind == "house":
        lean = 0.3 * (building.right - building.left)
        roof = (up >= building.height - 0.15) & (up < building.height + lean)
        _roof(canvas, building, window, roof, along, up, facing * 0.6)


def _values(
    canvas: Canvas, building: Building, window: Window, tex: Field, facing: float, ny: float
) -> dict[str, object]:
    return {"depth": np.float32(building.near / 300), "variant": building.variant, "nx": np.float32(facing),
            "ny": np.float32(ny), "tex": tex.astype(np.float32)}  # fmt: skip


def _roof(canvas: Canvas, building: Building, window: Window, mask: np.ndarray, along: Field, up: Field,
          facing: float) -> None:  # fmt: skip
    tiles = np.where(((up * 2.6) % 1.0) < 0.25, -0.5, 0.1) + np.where(
        ((along * 2.2 + np.floor(up * 2.6) * 0.5) % 1.0) < 0.2, -0.3, 0
    )
    fade = np.clip(40 / building.near, 0, 1)
    tex = tiles * fade + 0.5 * canvas.screen("detail", 2.0, window)
    canvas.paint(window, mask, "house-roof", **_values(canvas, building, window, tex, facing, 0.65))


def _facade(canvas: Canvas, building: Building, window: Window, mask: np.ndarray, along: Field, up: Field,
            width: float, away: Field | float, facing: float) -> None:  # fmt: skip
    """Walls with windows in storeys and bays; `tex` of a window is a number of its own, for lights at night."""
    kind, seed = building.kind, building.seed
    grime = 0.35 * canvas.screen("fbm", 1.2, window, seed % 89 / 89) + 0.3 * canvas.screen("detail", 2.5, window)
    fade = np.clip(30 / np.asarray(away, np.float32), 0, 1)
    if kind == "house" and seed % 3 == 0:
        courses = np.where(((up * 3.2) % 1.0) < 0.22, -0.45, 0.0)  # boards
    else:
        courses = np.where(((up * 5) % 1.0) < 0.2, -0.25, 0.0) + np.where(
            ((along * 2 + np.floor(up * 5) * 0.5) % 1) < 0.1, -0.2, 0
        )
    shade = -0.35 * np.clip(1 - up / 1.5, 0, 1)
    wall, pane = f"{kind}-wall", f"{kind}-window"
    storey, bays = STOREY[kind], max(1, round(width / BAY[kind]))
    bay = np.clip(along / width * bays, 0, bays - 1e-3)
    level = up / storey
    fx, fy = bay % 1.0, level % 1.0
    frame = seed // 7 % 4
    low, high, half = ((0.28, 0.78, 0.25), (0.22, 0.86, 0.3), (0.3, 0.74, 0.19), (0.25, 0.8, 0.36))[frame]
    if kind == "tower":
        low, high, half = ((0.1, 0.92, 0.42), (0.3, 0.85, 0.5), (0.12, 0.95, 0.3), (0.25, 0.8, 0.27))[frame]
    bulk = _values(canvas, building, window, grime + (courses * fade if kind != "tower" else 0) + shade, facing, 0.12)
    canvas.paint(window, mask, wall, **bulk)
    top = building.height - (0.6 if kind == "house" else 1.0)
    glass = mask & (fy > low) & (fy < high) & (np.abs(fx - 0.5) < half) & (level * storey < top)
    code = np.sin(np.floor(bay) * 12.9898 + np.floor(level) * 78.233 + (seed % 4099) * 0.37) * 43758.5
    number = ((code - np.floor(code)) * 2 - 1).astype(np.float32)
    rim = mask & ~glass & (np.abs(fx - 0.5) < half + 0.06) & (fy > low - 0.04) & (fy < high + 0.03) & (up < top)
    if kind != "tower":
        canvas.tex[window][rim] += 0.6
    canvas.paint(window, glass, pane, **_values(canvas, building, window, number, facing, 0.35))
    if kind != "tower":
        cornice = mask & (up > building.height - 0.35)
        canvas.tex[window][cornice] += 0.7
    if kind == "house" and facing == 0:
        door = mask & (np.abs(fx - 0.5) < 0.2) & (np.floor(bay) == seed % bays) & (up < 2.1)
        canvas.paint(window, door, "house-door", **_values(canvas, building, window, grime, facing, 0.1))
