"""Sky, clouds, skylines, ground, water, roads: everything of a layout that is not a single object."""

import numpy as np

from sceneswap.procedural.canvas import INDEX, Canvas, Mask
from sceneswap.procedural.layout import Band, Patch, Ridge
from sceneswap.procedural.noise import Field, curve, sample

ALL = slice(None)


def paint_sky(canvas: Canvas) -> None:
    """Sky, and clouds in perspective on a layer overhead; `tex` of a cloud is its thickness 0 … 1."""
    layout = canvas.layout
    last = int(np.clip((layout.horizon + 0.02) * canvas.height, 1, canvas.height))
    rows = (slice(0, last), ALL)
    canvas.ny[rows] = 0.0
    if layout.cloud_cover <= 0:
        return
    y = canvas.y[:last]
    overhead = 1 / np.maximum(layout.horizon - y + 0.16, 0.05)
    u = (canvas.x - 0.5) * overhead * 0.085 / layout.cloud_size + canvas.offset[0]
    v = overhead * 0.16 / layout.cloud_size + canvas.offset[1]
    level = 1024 * 0.085 / layout.cloud_size * overhead / canvas.height
    here = sample("fbm", u, v, level)
    above = sample("fbm", u - np.float32(0.004), v - np.float32(0.008) / overhead, level)
    density = here * 1.15 + np.float32(layout.cloud_cover * 1.5 - 0.95)
    thick = np.clip(density * 2.2, 0, 1)
    light = np.clip((here - above) * 2.5, -1, 1)
    canvas.paint(rows, thick > 0.16, "cloud", tex=thick, ny=light, depth=12.0)


def paint_ridge(canvas: Canvas, ridge: Ridge) -> None:
    """A chain of mountains or hills, a table mountain or the edge of a wood, from side to side."""
    x = canvas.x[0]
    if ridge.kind == "mountain":
        profile = 0.16 + 0.84 * curve(ridge.seed, x, ridge.frequency, 6, ridged=True)
        profile *= 0.75 + 0.35 * curve(ridge.seed + 1, x, 0.8, 2)
    elif ridge.kind == "mesa":
        profile = np.clip(0.5 + 2.4 * curve(ridge.seed, x, ridge.frequency, 3), 0.12, 1.0)
        profile = profile * (0.93 + 0.1 * curve(ridge.seed + 1, x, 14, 3))
    elif ridge.kind == "wood":
        profile = 0.62 + 0.38 * curve(ridge.seed, x, 3, 2) + 0.3 * curve(ridge.seed + 1, x, 32, 3)
    else:
        profile = 0.55 + 0.45 * curve(ridge.seed, x, ridge.frequency, 3) + 0.02 * curve(ridge.seed + 1, x, 50, 2)
    top = ridge.base - ridge.height * np.maximum(profile, 0.02)
    first = max(int(top.min() * canvas.height) - 1, 0)
    last = int(np.clip((ridge.base + 0.02) * canvas.height + 1, first + 1, canvas.height))
    rows = (slice(first, last), ALL)
    y = canvas.y[first:last]
    mask = (y > top) & (y < ridge.base + 0.01)
    up = (ridge.base - y) / ridge.height
    fall = np.gradient(top, x).astype(np.float32) if x.size > 1 else np.zeros_like(top)
    salt = (ridge.seed % 997) / 997
    if ridge.kind == "wood":
        leaves = canvas.screen("detail", 2.5, rows, salt)
        light = np.clip((y - top) / (0.5 * ridge.height), 0, 1)
        canvas.paint(rows, mask, "wood", depth=ridge.depth, tex=leaves * 1.2 - 0.6 * light + 0.2,
                     nx=canvas.screen("slope", 3.0, rows, salt) * 0.5, ny=0.7 - 0.7 * light)  # fmt: skip
        return
    if ridge.kind == "hill":
        texture = 0.55 * canvas.screen("fbm", 1.6, rows, salt) + 0.5 * canvas.screen("detail", 2.0, rows, salt)
        slope = -fall * 0.9 + 0.35 * canvas.screen("slope", 0.35, rows, salt)
        canvas.paint(rows, mask, "hill", depth=ridge.depth, tex=texture, nx=np.clip(slope, -0.9, 0.9), ny=0.55)
        return
    lean = canvas.x * np.float32(0.9) + salt + canvas.offset[0]
    v = y * np.float32(0.5) + salt
    level = 0.9 * 1024 / canvas.height
    warp = 0.06 * sample("fbm", canvas.x * np.float32(0.5) + salt, y * np.float32(0.5), level * 0.5)
    slope, crest = sample("slope", lean + warp, v, level), sample("ridge", lean + warp, v, level)
    if ridge.kind == "mesa":
        strata = canvas.screen("streak", 1.0, rows, salt, tall=0.6)
        canvas.paint(rows, mask, "mesa", depth=ridge.depth, tex=0.8 * strata + 0.3 * crest,
                     nx=np.clip(slope * 0.9, -0.9, 0.9), ny=0.2)  # fmt: skip
        return
    nx = np.clip(slope * 0.75 - 0.25 * fall, -0.95, 0.95)
    fine = 0.5 * canvas.screen("detail", 1.5, rows, salt)
    canvas.paint(rows, mask, "mountain", depth=ridge.depth, tex=0.6 * crest + fine - 0.35 * up, nx=nx, ny=0.3)
    if ridge.snowline < 1.5:
        snow = mask & (up + 0.2 * crest + 0.16 * slope > ridge.snowline)
        canvas.paint(rows, snow, "snow", depth=ridge.depth, tex=0.5 * fine, nx=nx, ny=0.45)


def _surface(canvas: Canvas, material: str, rows: slice, salt: float = 0.0) -> dict[str, Field]:
    """Texture and tilt of a flat ground of this material."""
    near = np.clip(canvas.rise[rows] * 3.0, 0, 1)
    window = (rows, ALL)
    coarse = canvas.ground("fbm", 40, rows, salt)
    flat = np.float32(0.85)
    if material in ("grass", "plant-other", "flower"):
        blades = canvas.screen("detail", 2.6, window, salt, tall=2.2)
        lying = canvas.ground("detail", 9, rows, salt)
        tex = 0.5 * coarse + (0.3 + 0.45 * near) * blades + 0.5 * lying
        if material == "plant-other":
            away = canvas.away[rows]
            furrow = np.sin(((canvas.x - 0.5) * away + 0.3 * away) * np.float32(4.2))
            tex = 0.6 * tex + 0.5 * furrow * np.clip(14 / away, 0, 1)
        return {"tex": tex, "nx": 0.3 * blades, "ny": flat + 0 * tex}
    if material in ("sand", "wet-sand", "snow"):
        ripples = canvas.ground("streak", 14, rows, salt)
        slope = canvas.ground("slope", 90, rows, salt)
        grain = canvas.screen("detail", 4.0, window, salt)
        return {"tex": 0.45 * coarse + 0.4 * ripples + 0.22 * grain, "nx": 0.45 * slope + 0.2 * ripples,
                "ny": flat - 0.25 * np.abs(slope)}  # fmt: skip
    if material == "rock":
        slope = canvas.ground("slope", 16, rows, salt)
        return {"tex": canvas.ground("ridge", 16, rows, salt), "nx": 0.7 * slope, "ny": 0.6 + 0 * slope}
    if material == "dirt":
        lying = canvas.ground("detail", 10, rows, salt)
        return {"tex": 0.6 * coarse + 0.6 * lying, "nx": 0.35 * lying, "ny": flat + 0 * lying}
    if material == "pavement":
        away = canvas.away[rows]
        across = ((canvas.x - 0.5) * away * np.float32(1.1)) % 1.0
        along = (away * np.float32(1.1)) % 1.0 + 0 * across
        joint = ((across < 0.07) | (along < 0.07)) * np.clip(9 / away, 0, 1)
        grain = canvas.screen("detail", 3.0, window, salt)
        return {"tex": (0.4 * coarse + 0.3 * grain - 0.7 * joint).astype(np.float32), "ny": flat + 0 * coarse}
    grain = canvas.screen("detail", 4.0, window, salt)  # road
    return {"tex": 0.35 * coarse + 0.35 * grain, "ny": flat + 0 * grain}


def _lay(canvas: Canvas, rows: slice, mask: Mask, material: str, salt: float = 0.0) -> None:
    depth = np.minimum(canvas.away[rows] / 300, 2.0)
    canvas.paint((rows, ALL), mask, material, depth=depth, **_surface(canvas, material, rows, salt))


def _rows_below(canvas: Canvas, y: float) -> slice:
    return slice(int(np.clip(y * canvas.height + 0.5, 0, canvas.height - 1)), canvas.height)


def paint_ground(canvas: Canvas) -> None:
    """The main ground from the horizon down, with its patches, water and roads."""
    layout = canvas.layout
    rows = _rows_below(canvas, layout.horizon)
    shape = (rows.stop - rows.start, canvas.width)
    _lay(canvas, rows, np.ones(shape, bool), layout.ground)
    for patch in layout.patches:
        _paint_patch(canvas, patch)
    if layout.water is not None:
        _paint_water(canvas)
    for band in layout.bands:
        _paint_band(canvas, band)


def _paint_patch(canvas: Canvas, patch: Patch) -> None:
    rows = _rows_below(canvas, max(patch.far, canvas.layout.horizon + 0.012))
    salt = (patch.seed % 991) / 991
    blotch = canvas.ground("fbm", patch.metres * 5, rows, salt, wide=1.5)
    fade = np.clip((canvas.y[rows] - patch.far) * 25, 0, 1) if patch.far > 0 else 1.0
    threshold = np.float32(0.75 - 1.1 * patch.share)
    mask = blotch * fade > threshold
    if patch.material == "flower":
        mask &= canvas.ground("detail", 6, rows, salt) + 0.25 > 0
    _lay(canvas, rows, mask, patch.material, salt)
    if patch.material == "flower":
        window = (rows, ALL)
        dots = canvas.screen("detail", 3.0, window, salt) + 0.6 * canvas.screen("detail", 1.4, window, salt)
        blossom = mask & (dots > 0.12)
        tint = (canvas.ground("fbm", 30, rows, salt + 0.4) > 0.1).astype(np.uint8) + 1
        canvas.variant[window][blossom] = tint[blossom]
        canvas.tex[window][blossom] = np.clip(dots[blossom], 0, 1)


def _paint_water(canvas: Canvas) -> None:
    water = canvas.layout.water
    assert water is not None
    rows = _rows_below(canvas, water.far - 0.015)
    y = canvas.y[rows]
    far, near = water.bounds(canvas.x)
    edge = near + 0.006 * curve(water.seed + 3, canvas.x, 9, 3)
    if water.shore > 0:
        shore = (y > far) & (y < edge + water.shore * (0.4 + 1.6 * (y - canvas.layout.horizon)))
        _lay(canvas, rows, shore, "wet-sand" if canvas.layout.ground == "sand" else "dirt", 0.2)
    _fill_water(canvas, rows, (y > far) & (y < edge), water.material)
    foam = (y < edge) & (y > edge - 0.004 - 0.01 * np.clip(canvas.screen("fbm", 1.2, (rows, ALL)), 0, 1))
    if water.material == "sea" and water.shore > 0:
        canvas.tex[rows][foam] = 1.5


def _fill_water(canvas: Canvas, rows: slice, mask: Mask, material: str) -> None:
    ripples = canvas.ground("streak", 22, rows, wide=1.0) + 0.6 * canvas.ground("streak", 90, rows, 0.3)
    depth = np.minimum(canvas.away[rows] / 300, 2.0)
    canvas.paint((rows, ALL), mask, material, tex=np.clip(ripples, -1.2, 1.2), ny=1.0, depth=depth)


def _paint_band(canvas: Canvas, band: Band) -> None:
    rows = _rows_below(canvas, canvas.layout.horizon + 0.004)
    away = canvas.away[rows]
    right = (canvas.x - 0.5) * away - band.center(away).astype(np.float32)
    wobble = canvas.ground("fbm", 30, rows, 0.6) if band.kind in ("river", "dirt") else np.float32(0)
    side = np.abs(right)
    inside = side < band.half_width * (1 + 0.3 * wobble)
    if band.kind == "river":
        bank = side < band.half_width * (1 + 0.3 * wobble) + 0.9
        _lay(canvas, rows, bank, "dirt", 0.3)
        _fill_water(canvas, rows, inside, "river")
        return
    if band.pavement > 0:
        _lay(canvas, rows, side < band.half_width + band.pavement, "pavement")
        curb = (side < band.half_width + 0.22) & ~inside
        canvas.tex[rows][curb] = 0.9
    _lay(canvas, rows, inside, {"dirt": "dirt", "paved": "pavement"}.get(band.kind, "road"), 0.1)
    if band.kind == "road":
        width = np.maximum(0.09, 0.7 * away / (canvas.height * 1.0))
        dashes = (side < width) & ((away % 6.0) < 3.2) & (away < 160)
        edges = (np.abs(side - band.half_width + 0.3) < width) & (away < 160)
        lines = dashes | edges if band.pavement == 0 else dashes
        tex = canvas.tex[rows]
        canvas.material[rows][lines] = INDEX["marking"]
        tex[lines] *= 0.5
    elif band.kind == "dirt":
        ruts = np.abs(side - 0.55 * band.half_width) < 0.22 * band.half_width
        canvas.tex[rows][ruts] -= 0.35
