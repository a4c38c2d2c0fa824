"""Single objects of a layout, each drawn in its own window: trees, rocks, boats, cars, people, animals, …"""

from collections.abc import Callable

import numpy as np

from sceneswap.procedural.canvas import Canvas, Mask, Window
from sceneswap.procedural.layout import Thing
from sceneswap.procedural.noise import Field, sample


class Stamp:
    """A thing's window with local coordinates: x to the right of its foot, y above it, both in units of its size."""

    def __init__(self, canvas: Canvas, thing: Thing, window: Window, scale: float) -> None:
        self.canvas, self.thing, self.window, self.scale = canvas, thing, window, scale
        rows, columns = window
        self.x: Field = (canvas.x[:, columns] - np.float32(thing.x)) / np.float32(scale)
        self.y: Field = (np.float32(thing.y) - canvas.y[rows]) / np.float32(scale)
        self.away = canvas.layout.camera / (thing.y - canvas.layout.horizon)
        self.random = np.random.Generator(np.random.PCG64([thing.seed, 5])).random(24)

    def noise(self, kind: str, periods: float, salt: float = 0.0) -> Field:
        """Texture fixed to the thing, `periods` over its size."""
        shift = np.float32(self.thing.seed % 1013 / 1013 + salt)
        texels = periods * 1024 / (self.scale * self.canvas.height)
        return sample(kind, self.x * np.float32(periods) + shift, self.y * np.float32(-periods) + shift, texels)

    def paint(self, mask: Mask, material: str, nx: object = 0.0, ny: object = 0.2, tex: object = 0.0,
              variant: int | None = None) -> None:  # fmt: skip
        shape = mask.shape
        fill = {"nx": nx, "ny": ny, "tex": tex}
        values = {name: np.broadcast_to(np.asarray(value, np.float32), shape) for name, value in fill.items()}
        self.canvas.paint(self.window, mask, material, depth=np.float32(self.away / 300),
                          variant=self.thing.variant if variant is None else variant, **values)  # fmt: skip


def _trunk(stamp: Stamp, width: float, top: float) -> None:
    flare = width * (1.0 + 1.2 * np.exp(-stamp.y * 18))
    mask = (np.abs(stamp.x) < flare) & (stamp.y > -0.01) & (stamp.y < top)
    stamp.paint(mask, "trunk", nx=np.clip(stamp.x / width, -1, 1) * 0.7, tex=stamp.noise("detail", 0.8))


def _crown(stamp: Stamp, material: str, half: float, low: float, ragged: float) -> None:
    """Leaves in a ragged ellipsoid from height `low` to 1."""
    middle, tall = (1 + low) / 2, (1 - low) / 2
    ex, ey = stamp.x / half, (stamp.y - middle) / tall
    clump, leaf = stamp.noise("fbm", 0.32), stamp.noise("detail", 0.75)
    radius = np.hypot(ex, ey * (1 + 0.12 * ey)) + ragged * (0.75 * clump + 0.35 * leaf)
    bulge_x, bulge_y = stamp.noise("slope", 0.4), clump
    light = 0.45 * bulge_y + 0.5 * leaf - 0.35 * np.clip(radius - 0.2, 0, 1) * (ey < 0)
    stamp.paint(radius < 0.93, material, nx=np.clip(0.6 * ex + 0.45 * bulge_x + 0.2 * leaf, -0.95, 0.95),
                ny=np.clip(0.35 + 0.5 * ey + 0.35 * bulge_y, -0.4, 0.95), tex=light)  # fmt: skip


def oak(stamp: Stamp) -> None:
    half = 0.34 + 0.14 * stamp.random[0]
    _trunk(stamp, 0.035, 0.6)
    _crown(stamp, "oak", half, 0.2 + 0.12 * stamp.random[1], 0.55)


def birch(stamp: Stamp) -> None:
    _trunk(stamp, 0.02, 0.8)
    _crown(stamp, "birch", 0.2 + 0.08 * stamp.random[0], 0.22, 0.65)


def poplar(stamp: Stamp) -> None:
    _trunk(stamp, 0.022, 0.4)
    _crown(stamp, "birch", 0.13 + 0.04 * stamp.random[0], 0.07, 0.3)


def bush(stamp: Stamp) -> None:
    _crown(stamp, "bush", 0.6 + 0.3 * stamp.random[0], -0.35, 0.45)


def fir(stamp: Stamp) -> None:
    _trunk(stamp, 0.022, 0.25)
    leaf = stamp.noise("detail", 0.7)
    tier = (stamp.y * (7 + 3 * stamp.random[0])) % 1.0
    half = (0.2 + 0.07 * stamp.random[1]) * (1.02 - stamp.y) * (1.12 - 0.5 * tier) + 0.035 * leaf
    mask = (np.abs(stamp.x) < half) & (stamp.y > 0.08 + 0.03 * leaf) & (stamp.y < 1)
    side = stamp.x / np.maximum(half, 0.01)
    stamp.paint(mask, "fir", nx=np.clip(0.75 * side + 0.3 * leaf, -0.95, 0.95), ny=0.55 - 0.5 * tier + 0.2 * leaf,
                tex=0.6 * leaf + 0.45 - 0.8 * tier)  # fmt: skip


def palm(stamp: Stamp) -> None:
    lean = 0.25 * (stamp.random[0] - 0.5)
    center = lean * stamp.y**2
    trunk = (np.abs(stamp.x - center) < 0.022) & (stamp.y > -0.01) & (stamp.y < 0.8)
    stamp.paint(trunk, "trunk", nx=np.clip((stamp.x - center) * 40, -0.8, 0.8), tex=0.5 * np.sin(stamp.y * 90))
    px, py = stamp.x - lean * 0.64, stamp.y - 0.8
    radius = np.hypot(px, py * 1.25 + 0.55 * np.abs(px) ** 1.5 * 2)
    angle = np.arctan2(py + 1.1 * np.abs(px) ** 1.5, px)
    frond = np.abs(np.cos(angle * 4.5 + 6 * stamp.random[1])) ** 0.7
    leaf = stamp.noise("detail", 1.0)
    mask = (radius < 0.38 * frond + 0.05 * leaf) | (radius < 0.06)
    stamp.paint(mask, "palm", nx=np.clip(2 * px, -0.7, 0.7), ny=0.5 + 0.4 * frond, tex=0.9 * (frond - 0.7) + 0.5 * leaf)


def cactus(stamp: Stamp) -> None:
    def limb(x: float, low: float, high: float, width: float) -> None:
        side = (stamp.x - x) / width
        mask = (np.abs(side) < np.sqrt(np.clip((high - stamp.y) / width, 0, 1))) & (stamp.y > low)
        stamp.paint(mask, "bush", nx=0.85 * side, tex=0.5 * np.cos(side * 14), ny=0.2)

    limb(0.0, -0.01, 1.0, 0.075)
    limb(-0.2, 0.42, 0.55 + 0.3 * stamp.random[0], 0.05)
    limb(0.2, 0.34, 0.5 + 0.3 * stamp.random[1], 0.05)
    mask = (np.abs(stamp.x) < 0.2) & (np.abs(stamp.y - 0.4) < 0.05)
    stamp.paint(mask, "bush", ny=0.5)


def rock(stamp: Stamp) -> None:
    crest, slope = stamp.noise("ridge", 0.16), stamp.noise("slope", 0.16)
    half, tall = 0.62 + 0.3 * stamp.random[0], 0.5 + 0.25 * stamp.random[1]
    radius = np.hypot(stamp.x / half, stamp.y / tall) + 0.16 * crest + 0.12 * np.sign(stamp.x) * slope
    mask = (radius < 0.95) & (stamp.y > -0.06 + 0.05 * crest)
    ex = stamp.x / half
    stamp.paint(mask, "rock", nx=np.clip(0.55 * ex + 0.7 * slope, -0.95, 0.95),
                ny=np.clip(stamp.y / tall + 0.2 * crest, 0, 0.9),
                tex=0.6 * crest + 0.5 * stamp.noise("detail", 0.5))  # fmt: skip


def fence(stamp: Stamp) -> None:
    """One post and the rails to the next; the size is the step between posts."""
    thick = max(0.028, 0.8 / (stamp.scale * stamp.canvas.height))
    post = (np.abs(stamp.x) < 1.4 * thick) & (stamp.y > -0.02) & (stamp.y < 0.56)
    rails = ((np.abs(stamp.y - 0.44) < thick) | (np.abs(stamp.y - 0.24) < thick)) & (stamp.x > 0) & (stamp.x < 1.03)
    grain = stamp.noise("detail", 0.5)
    stamp.paint(rails, "fence", ny=0.5, tex=grain)
    stamp.paint(post, "fence", nx=stamp.x / thick * 0.5, tex=grain - 0.2)


def boat(stamp: Stamp) -> None:
    """A sailing boat or a small cutter; the size is its length."""
    x, y = stamp.x, stamp.y
    if stamp.random[0] < 0.6:
        mast = (np.abs(x + 0.04) < max(0.008, 0.4 / (stamp.scale * stamp.canvas.height))) & (y > 0) & (y < 1.2)
        stamp.paint(mast, "cabin")
        main = (x > -0.02) & (y > 0.2) & (x < 0.38 * (1.15 - y) * (1 + 0.25 * y))
        jib = (x < -0.06) & (y > 0.2) & (-x - 0.06 < 0.4 * (1.0 - y))
        stamp.paint(main, "sail", nx=0.3 - 0.8 * np.clip(x, 0, 0.5), tex=0.3 * np.sin(y * 40))
        stamp.paint(jib, "sail", nx=-0.2 + 0 * x, tex=0.3 * np.sin(y * 40) - 0.2)
    else:
        cabin = (np.abs(x - 0.12) < 0.17) & (y > 0.05) & (y < 0.36)
        window = (np.abs(x - 0.12) < 0.13) & (np.abs(y - 0.28) < 0.035)
        stamp.paint(cabin, "cabin", nx=0.2, variant=0)
        stamp.paint(window, "cabin", tex=-1.2)
        mast = (np.abs(x - 0.1) < max(0.01, 0.4 / (stamp.scale * stamp.canvas.height))) & (y > 0.3) & (y < 0.66)
        stamp.paint(mast, "cabin", tex=-0.6)
    hull = (y > -0.045) & (y < 0.1 + 0.22 * x * x) & (np.abs(x) < 0.46 + 0.35 * np.minimum(y, 0.1))
    stamp.paint(hull, "hull", nx=0.5 * x, ny=-0.1 + 3 * y, tex=np.where(y > 0.08 + 0.2 * x * x, 1.0, 0.0))


def person(stamp: Stamp) -> None:
    x, y = stamp.x, stamp.y
    step = 0.05 + 0.05 * stamp.random[0]
    leg = (y > -0.01) & (y < 0.5) & (np.abs(np.abs(x) - step * (1 - y * 1.6)) < 0.05)
    body = (y >= 0.44) & (y < 0.84) & (np.abs(x) < 0.13 - 0.25 * np.abs(y - 0.7))
    arm = (y >= 0.42) & (y < 0.8) & (np.abs(np.abs(x) - 0.14 + 0.1 * np.abs(y - 0.6)) < 0.032)
    head = np.hypot(x, (y - 0.92) * 0.85) < 0.07
    stamp.paint(leg, "trousers", nx=x * 4)
    stamp.paint(body | arm, "cloth", nx=np.clip(x * 5, -0.8, 0.8), tex=stamp.noise("detail", 0.3))
    stamp.paint(head, "skin", nx=x * 8)
    stamp.paint(head & (y > 0.935), "trousers", ny=0.6, tex=-0.5)


def animal(stamp: Stamp) -> None:
    """A cow or a sheep seen from the side; the size is its length."""
    flip = 1.0 if stamp.random[0] < 0.5 else -1.0
    x, y, sheep = stamp.x * flip, stamp.y, stamp.thing.variant >= 2
    legs = (y > -0.01) & (y < 0.3) & (np.abs(np.abs(np.abs(x) - 0.24) - 0.05) < 0.03)
    stamp.paint(legs, "animal-dark")
    wool = 0.25 * stamp.noise("fbm", 0.6) if sheep else 0.0
    body = np.hypot(x / 0.4, (y - 0.42) / 0.2) ** (2.0 if sheep else 2.6) < 1 + wool
    head = np.hypot((x - 0.46) / 0.12, (y - 0.53) / 0.1) < 1
    spots = stamp.noise("fbm", 0.5, 0.3)
    stamp.paint(body, "animal", nx=np.clip(x * flip, -0.8, 0.8), ny=np.clip((y - 0.4) * 4, -0.6, 0.9), tex=spots)
    if not sheep:
        stamp.paint(body & (spots > 0.12), "animal-dark", ny=np.clip((y - 0.4) * 4, -0.6, 0.9))
    stamp.paint(head, "animal-dark" if stamp.thing.variant % 2 else "animal", ny=0.3, tex=-0.3)


def car(stamp: Stamp) -> None:
    """A car seen from behind or the front; the size is its length, 4.2 m, its width 0.42 of that."""
    x, y = stamp.x / 0.215, stamp.y / 0.35
    body = (np.abs(x) < 1 - 0.12 * np.clip(y - 0.5, 0, 1)) & (y > 0.13) & (y < 0.62)
    roof = (np.abs(x) < 1.02 - 0.62 * np.clip(y - 0.55, 0, 1)) & (y >= 0.58) & (y < 1.0)
    glass = (np.abs(x) < 0.9 - 0.62 * np.clip(y - 0.55, 0, 1)) & (y >= 0.63) & (y < 0.92)
    tyres = (np.abs(np.abs(x) - 0.78) < 0.15) & (y > -0.02) & (y < 0.25)
    stamp.paint(tyres, "tyre")
    stamp.paint(
        body | roof, "car", nx=0.5 * x, ny=np.clip(y - 0.2, 0, 1), tex=np.where(np.abs(y - 0.3) < 0.03, -0.8, 0)
    )
    stamp.paint(glass, "car-window", ny=0.5, tex=x * 0.3 + y - 0.7)
    lamps = (np.abs(np.abs(x) - 0.78) < 0.14) & (np.abs(y - 0.47) < 0.08)
    stamp.paint(lamps, "lamp", variant=stamp.thing.seed % 2)


def bridge(stamp: Stamp) -> None:
    """A stone bridge with arches across the view; the size is its span."""
    x, y = stamp.x, stamp.y
    arches = 1 + stamp.thing.seed % 4
    rise = 0.05 if arches > 2 else 0.1
    deck = 0.2 + rise * (1 - (x / 0.62) ** 2)
    cell = np.abs(((x / 0.9 + 0.5) * arches) % 1.0 - 0.5)
    hole = (np.hypot(cell / 0.42, y / (deck - 0.045)) < 1) & (np.abs(x) < 0.45)
    wall = (np.abs(x) < 0.62) & (y < deck) & (y > -0.015) & ~hole
    blocks = (((y * 26) % 1.0) < 0.12) | (((x * 18 + np.floor(y * 26) * 0.5) % 1.0) < 0.07)
    tex = 0.7 * stamp.noise("detail", 0.6) - 0.35 * blocks + np.where(y > deck - 0.03, 0.7, 0.0)
    inner = np.hypot(cell / 0.455, y / (deck - 0.025)) < 1
    stamp.paint(wall, "bridge", ny=0.15, tex=tex - 0.5 * (inner & (np.abs(x) < 0.45)))


# kind: drawing, half width and height of its window in units of its size, width of its shadow (0: none)
DRAWINGS: dict[str, tuple[Callable[[Stamp], None], float, float, float]] = {
    "oak": (oak, 0.75, 1.15, 0.38), "birch": (birch, 0.5, 1.15, 0.22), "poplar": (poplar, 0.3, 1.15, 0.14),
    "fir": (fir, 0.36, 1.05, 0.2), "palm": (palm, 0.6, 1.2, 0.2), "cactus": (cactus, 0.3, 1.05, 0.12),
    "bush": (bush, 1.3, 1.2, 0.6), "rock": (rock, 1.3, 1.0, 0.7), "fence": (fence, 1.1, 0.7, 0.0),
    "boat": (boat, 0.6, 1.3, 0.0), "person": (person, 0.3, 1.05, 0.12), "animal": (animal, 0.65, 0.75, 0.4),
    "car": (car, 0.25, 0.4, 0.24), "bridge": (bridge, 0.65, 0.4, 0.0),
}  # fmt: skip


def paint_thing(canvas: Canvas, thing: Thing) -> None:
    """Draw one thing where it stands; nothing happens when it is outside the picture or too small to see."""
    draw, half, tall, shade = DRAWINGS[thing.kind]
    scale = thing.size * (thing.y - canvas.layout.horizon) / canvas.layout.camera
    window = canvas.window(
        thing.x - half * scale, thing.x + half * scale, thing.y - tall * scale, thing.y + 0.06 * scale
    )
    if window is None or scale * canvas.height < 2:
        return
    draw(Stamp(canvas, thing, window, scale))
    if shade > 0:
        canvas.shadows.append((thing.x, thing.y, shade * scale, scale))
