"""The kinds of scene: each draws a `Layout` (coast, lake, valley, country road, street, desert, harbour, …)."""

from collections.abc import Callable

import numpy as np

from sceneswap.procedural.layout import Band, Building, Draw, Layout, Thing, Water
from sceneswap.procedural.site import LEFT, RIGHT, TREES, Site, finish, house_at, patch, ridge, village


def coast(seed: int, draw: Draw) -> Layout:
    """A beach by the sea, sometimes with a headland, palms, people and boats."""
    horizon = draw.between(0.34, 0.52)
    near = draw.between(horizon + 0.14, 0.84)
    water = Water("sea", horizon, near, draw.between(-0.35, 0.35), 0.04, draw.between(0.012, 0.03), draw.seed())
    site = Site(draw, horizon, draw.between(2.2, 5), water, ())
    ridges = []
    if draw.chance(0.6):
        kind = draw.pick(("hill", "mountain"))
        ridges.append(ridge(draw, kind, horizon - 0.012, 0.05, 0.16, draw.between(1.5, 4)))
    site.scatter(("boat",), draw.below(4), (6, 12), horizon + 0.02, near - 0.03, water=True)
    site.scatter(("rock",), draw.below(6), (0.8, 2.4), near - 0.05, 1.0, water=draw.chance(0.5))
    site.scatter(("rock",), draw.below(5), (0.5, 1.6), near, 1.0)
    site.scatter((draw.pick(("palm", "bush", "oak")),), draw.below(5), (2.5, 7), near + 0.03, 1.02)
    site.scatter(("person",), draw.below(6), (1.6, 1.9), near, 0.95)
    patches = [patch(draw, "grass", 7, draw.between(0.1, 0.5), near + 0.08)] if draw.chance(0.6) else []
    return finish(seed, "coast", draw, site, ground="sand", ridges=ridges, patches=patches)


def lake(seed: int, draw: Draw) -> Layout:
    """A mountain lake with firs, rocks and flowers on its shore."""
    horizon = draw.between(0.40, 0.55)
    far, near = horizon + draw.between(0.008, 0.03), draw.between(horizon + 0.16, 0.86)
    water = Water("water-other", far, near, draw.between(-0.3, 0.3), 0.05, draw.between(0.008, 0.02), draw.seed())
    site = Site(draw, horizon, draw.between(2.5, 5), water, ())
    snow = draw.between(0.3, 0.75) if draw.chance(0.75) else 2.0
    ridges = [ridge(draw, "mountain", horizon, 0.2, 0.36, draw.between(3.5, 6), snow)]
    if draw.chance(0.5):
        ridges.append(ridge(draw, "mountain", horizon, 0.1, 0.2, draw.between(2, 3), snow + 0.2))
    if draw.chance(0.7):
        ridges.append(ridge(draw, "hill", horizon, 0.04, 0.1, draw.between(1, 1.8)))
    if draw.chance(0.8):
        ridges.append(ridge(draw, "wood", horizon + 0.006, 0.02, 0.045, 0.7))
    site.groves(("fir", "fir", "oak"), draw.below(3) + 1, (7, 13), near + 0.01, near + 0.1)
    site.scatter(("fir", "oak", "bush"), 3 + draw.below(4), (2.5, 8), near + 0.01, 1.05)
    site.scatter(("rock",), draw.below(7), (0.5, 2.2), near - 0.03, 1.0)
    site.scatter(("rock",), draw.below(4), (0.8, 1.6), near - 0.08, near, water=True)
    site.scatter(("boat",), draw.below(3), (4, 6), far + 0.03, near - 0.04, water=True)
    patches = [patch(draw, "flower", 1.6, draw.between(0.15, 0.4), near)] if draw.chance(0.6) else []
    patches += [patch(draw, "dirt", 5, draw.between(0.15, 0.4), near)] if draw.chance(0.5) else []
    return finish(seed, "lake", draw, site, ground="grass", ridges=ridges, patches=patches)


def valley(seed: int, draw: Draw) -> Layout:
    """A river winding through meadows between hills; sometimes a bridge, a village, a flock."""
    horizon = draw.between(0.36, 0.5)
    camera = draw.between(4.5, 9)
    river = Band("river", draw.between(-4, 4), draw.between(6, 16), draw.between(45, 90), draw.between(0, 6.28),
                 draw.between(3, 7.5), slant=draw.between(-0.15, 0.15))  # fmt: skip
    site = Site(draw, horizon, camera, None, (river,))
    ridges = []
    if draw.chance(0.6):
        snow = draw.between(0.4, 0.8) if draw.chance(0.6) else 2.0
        ridges.append(ridge(draw, "mountain", horizon, 0.12, 0.3, draw.between(3, 5), snow))
    for depth in (1.8, 1.1)[: 1 + draw.below(2)]:
        ridges.append(ridge(draw, "hill", horizon, 0.04, 0.13, depth))
    if draw.chance(0.6):
        ridges.append(ridge(draw, "wood", horizon + 0.004, 0.015, 0.04, 0.7))
    if draw.chance(0.45):
        y = horizon + draw.between(0.09, 0.2)
        away = site.metres(0.5, y)[1]
        center = float(river.center(np.array([away]))[0])
        site.things.append(Thing("bridge", 0.5 + center / away, y, river.half_width * 2.6, draw.below(4), draw.seed()))
    buildings = village(draw, site, draw.below(5), horizon + 0.05, horizon + 0.16)
    site.groves(TREES, 2 + draw.below(4), (6, 12), horizon + 0.03, horizon + 0.3)
    site.scatter(TREES, 2 + draw.below(4), (5, 11), horizon + 0.05, 0.95)
    site.scatter(("bush", "rock"), 3 + draw.below(6), (1, 2.6), horizon + 0.1, 1.0)
    site.scatter(("animal",), draw.pick((0, 0, 3, 6)), (1.6, 2.4), horizon + 0.12, 0.9)
    patches = [patch(draw, draw.pick(("flower", "dirt", "plant-other")), 6, draw.between(0.1, 0.35))]
    return finish(seed, "valley", draw, site, ground="grass", ridges=ridges, patches=patches, buildings=buildings)


def countryside(seed: int, draw: Draw) -> Layout:
    """A country road between fields, with fences, farms, cars and cattle."""
    horizon = draw.between(0.38, 0.54)
    camera = draw.between(2.2, 4.5)
    kind = draw.pick(("road", "road", "dirt"))
    road = Band(kind, draw.between(-2, 2), draw.between(0, 7), draw.between(40, 90), draw.between(0, 6.28),
                draw.between(1.6, 3.6), slant=draw.between(-0.2, 0.2))  # fmt: skip
    site = Site(draw, horizon, camera, None, (road,))
    ridges = [ridge(draw, "mountain", horizon, 0.08, 0.2, draw.between(3, 5))] if draw.chance(0.4) else []
    for depth in (1.8, 1.1)[: 1 + draw.below(2)]:
        ridges.append(ridge(draw, "hill", horizon, 0.03, 0.1, depth))
    if draw.chance(0.6):
        ridges.append(ridge(draw, "wood", horizon + 0.004, 0.015, 0.04, 0.7))
    patches = [patch(draw, "plant-other", 26, draw.between(0.2, 0.55))] if draw.chance(0.7) else []
    patches += [patch(draw, draw.pick(("flower", "dirt")), 3, draw.between(0.1, 0.3))] if draw.chance(0.7) else []
    buildings = village(draw, site, draw.below(4), horizon + 0.04, horizon + 0.14)
    site.groves(TREES, 1 + draw.below(4), (6, 12), horizon + 0.03, horizon + 0.2)
    site.scatter(TREES, 1 + draw.below(4), (5, 10), horizon + 0.05, 1.0)
    site.scatter(("bush",), 2 + draw.below(4), (1, 2.4), horizon + 0.06, 1.0)
    site.scatter(("animal",), draw.pick((0, 2, 5)), (1.8, 2.6), horizon + 0.08, 0.9)
    if draw.chance(0.5):
        site.along(draw.pick(("poplar", "birch", "oak")), road, draw.between(8, 14), 8, draw.pick((-1, 1)), 9, 160)
    if draw.chance(0.65):
        y = draw.between(horizon + 0.14, 0.86)
        step = 2.4 * (y - horizon) / camera
        site.row("fence", y, step, 2.4, LEFT, RIGHT)
    if kind == "road" and draw.chance(0.6):
        away = draw.between(9, 30)
        center = float(road.center(np.array([away]))[0]) + 0.45 * road.half_width
        site.things.append(Thing("car", 0.5 + center / away, horizon + camera / away, 4.2, draw.below(4), draw.seed()))
    return finish(seed, "countryside", draw, site, ground="grass", ridges=ridges, patches=patches, buildings=buildings)


def street(seed: int, draw: Draw) -> Layout:
    """A straight town street: houses, blocks or towers on both sides, pavements, trees, cars, people."""
    horizon = draw.between(0.46, 0.6)
    road = Band("road", draw.between(-2, 2), 0.0, 50, 0, draw.between(3, 4.5), draw.between(2.0, 3.5))
    site = Site(draw, horizon, draw.between(1.8, 3.4), None, (road,))
    buildings = []
    mix = draw.pick((("house",), ("block",), ("house", "block"), ("block", "tower"), ("tower",)))
    for side in (-1.0, 1.0):
        edge = road.offset + side * (road.half_width + road.pavement + draw.between(0, 2.5))
        away = draw.between(-2, 6)
        while away < 170:
            one = house_at(draw, 0, max(away, 1.6), draw.pick(mix))
            wide = one.right
            left = edge if side > 0 else edge - wide
            near = max(away, 1.6)
            buildings.append(Building(one.kind, left, left + wide, near, one.deep, one.height, one.variant, one.seed))
            away += one.deep + (draw.between(1.5, 7) if one.kind == "house" else draw.pick((0.0, 0.0, 4.0)))
    for side in (-1.0, 1.0):
        if draw.chance(0.6):
            inner = Band("road", road.offset, 0, 50, 0, road.half_width + 0.4)
            kind = draw.pick(("oak", "birch", "poplar", "bush"))
            site.along(kind, inner, draw.between(7, 13), 1.5 if kind == "bush" else 5.0, side, draw.between(6, 10), 90)
    for _ in range(draw.below(5)):
        away, side = draw.between(7, 45), draw.pick((-1, 1))
        right = road.offset + side * road.half_width * draw.between(0.35, 0.75)
        thing = Thing("car", 0.5 + right / away, horizon + site.camera / away, 4.2, draw.below(4), draw.seed())
        site.things.append(thing)
    for _ in range(draw.below(7)):
        away, side = draw.between(5, 30), draw.pick((-1, 1))
        right = road.offset + side * (road.half_width + road.pavement * draw.between(0.2, 0.9))
        y = horizon + site.camera / away
        site.things.append(Thing("person", 0.5 + right / away, y, draw.between(1.6, 1.9), draw.below(4), draw.seed()))
    ridges = [ridge(draw, "hill", horizon, 0.03, 0.12, 2.0)] if draw.chance(0.6) else []
    ground = draw.pick(("grass", "pavement", "dirt"))
    return finish(seed, "street", draw, site, ground=ground, ridges=ridges, buildings=buildings)


def desert(seed: int, draw: Draw) -> Layout:
    """Sand and stones before mesas; scrub, palms, sometimes a track."""
    horizon = draw.between(0.42, 0.6)
    tracks = (Band(draw.pick(("dirt", "road")), draw.between(-2, 2), draw.between(0, 5), 60, draw.between(0, 6.28), 2.4,
                   slant=draw.between(-0.2, 0.2)),)  # fmt: skip
    site = Site(draw, horizon, draw.between(2, 5), None, tracks if draw.chance(0.45) else ())
    ridges = [ridge(draw, draw.pick(("mesa", "mountain")), horizon, 0.08, 0.25, draw.between(1.5, 4))]
    if draw.chance(0.5):
        ridges.append(ridge(draw, "mesa", horizon, 0.05, 0.14, 1.2))
    site.scatter(("rock",), 3 + draw.below(8), (0.6, 3), horizon + 0.04, 1.0)
    site.scatter(("bush",), 2 + draw.below(8), (0.6, 1.6), horizon + 0.04, 1.0)
    site.scatter(("palm", "palm", "cactus"), draw.below(5), (3, 7), horizon + 0.05, 0.9)
    patches = [patch(draw, draw.pick(("dirt", "rock", "grass")), 6, draw.between(0.1, 0.4))]
    return finish(seed, "desert", draw, site, ground="sand", ridges=ridges, patches=patches)


def harbour(seed: int, draw: Draw) -> Layout:
    """Boats in a basin before a row of houses or a skyline, seen from the quay."""
    horizon = draw.between(0.4, 0.52)
    camera = draw.between(3.5, 6)
    far, near = horizon + draw.between(0.03, 0.06), draw.between(0.74, 0.95)
    water = Water(draw.pick(("sea", "river")), far, near, draw.between(-0.12, 0.12), 0.0, 0.0, draw.seed())
    site = Site(draw, horizon, camera, water, ())
    kinds = draw.pick((("house",), ("block",), ("block", "tower"), ("tower",)))
    away = camera / (far - horizon) * 1.05
    right, buildings = -1.6 * away, []
    while right < 1.6 * away:
        one = house_at(draw, right, away + draw.between(0, 12), draw.pick(kinds))
        buildings.append(one)
        right = one.right + draw.pick((0.0, 0.0, 2.0, 9.0))
    site.scatter(("boat",), 2 + draw.below(4), (7, 13), far + 0.05, near - 0.05, water=True)
    if draw.chance(0.4):
        y = draw.between(far + 0.02, far + 0.06)
        span = 0.9 * camera / (y - horizon)
        site.things.append(Thing("bridge", draw.between(0.2, 0.8), y, span, draw.below(4), draw.seed()))
    site.scatter(("oak", "bush", "poplar"), draw.below(4), (3, 7), horizon + 0.028, far)
    site.scatter(("person",), draw.below(5), (1.6, 1.9), near, 1.0)
    ridges = [ridge(draw, draw.pick(("hill", "mountain")), horizon, 0.06, 0.2, 2.6)] if draw.chance(0.6) else []
    return finish(seed, "harbour", draw, site, ground="pavement", ridges=ridges, buildings=buildings)


def park(seed: int, draw: Draw) -> Layout:
    """A park with a path, flower beds and a skyline behind the trees."""
    horizon = draw.between(0.42, 0.56)
    path = Band(draw.pick(("dirt", "paved")), draw.between(-2, 2), draw.between(2, 7), draw.between(25, 50),
                draw.between(0, 6.28), draw.between(0.9, 1.8))  # fmt: skip
    site = Site(draw, horizon, draw.between(2, 4), None, (path,))
    kinds = draw.pick((("tower",), ("tower", "block"), ("block",)))
    right, buildings = -220.0, []
    while right < 220:
        one = house_at(draw, right, 120 + draw.between(0, 60), draw.pick(kinds))
        buildings.append(one)
        right = one.right + draw.between(0, 14)
    ridges = [ridge(draw, "wood", horizon + 0.015, 0.02, 0.05, 0.5)] if draw.chance(0.7) else []
    site.groves(TREES, 3 + draw.below(4), (5, 10), horizon + 0.035, horizon + 0.25)
    site.scatter(TREES, 1 + draw.below(4), (5, 9), horizon + 0.08, 1.0)
    site.scatter(("bush",), 3 + draw.below(6), (0.8, 2), horizon + 0.06, 1.0)
    site.scatter(("person",), draw.below(6), (1.6, 1.9), horizon + 0.08, 0.92)
    if draw.chance(0.4):
        y = draw.between(horizon + 0.14, 0.9)
        site.row("fence", y, 2.2 * (y - horizon) / site.camera, 2.2, LEFT, RIGHT)
    patches = [patch(draw, "flower", 2.2, draw.between(0.12, 0.35))] if draw.chance(0.7) else []
    return finish(seed, "park", draw, site, ground="grass", ridges=ridges, patches=patches, buildings=buildings)


def meadow(seed: int, draw: Draw) -> Layout:
    """A flower meadow at the edge of a wood, hills behind."""
    horizon = draw.between(0.36, 0.56)
    site = Site(draw, horizon, draw.between(2, 4.5), None, ())
    ridges = [ridge(draw, "mountain", horizon, 0.1, 0.28, 4, draw.between(0.4, 1.2))] if draw.chance(0.5) else []
    ridges += [ridge(draw, "hill", horizon, 0.05, 0.16, 1.5)] if draw.chance(0.7) else []
    ridges += [ridge(draw, "wood", horizon + 0.005, 0.03, 0.09, 0.5)] if draw.chance(0.7) else []
    site.groves(TREES, 2 + draw.below(5), (6, 12), horizon + 0.03, horizon + 0.2)
    site.scatter(TREES, 1 + draw.below(3), (6, 11), horizon + 0.06, 1.0)
    site.scatter(("bush", "rock"), 2 + draw.below(5), (0.8, 2.2), horizon + 0.08, 1.0)
    site.scatter(("animal",), draw.pick((0, 0, 4)), (1.6, 2.4), horizon + 0.08, 0.9)
    patches = [patch(draw, "flower", draw.between(1.5, 6), draw.between(0.25, 0.6))]
    patches += [patch(draw, "dirt", 4, draw.between(0.1, 0.25))] if draw.chance(0.4) else []
    return finish(seed, "meadow", draw, site, ground="grass", ridges=ridges, patches=patches)


def alpine(seed: int, draw: Draw) -> Layout:
    """Snow fields, firs and a hut under high peaks."""
    horizon = draw.between(0.42, 0.58)
    site = Site(draw, horizon, draw.between(2.5, 5), None, ())
    ridges = [ridge(draw, "mountain", horizon, 0.2, 0.4, 4.5, draw.between(0.05, 0.4))]
    if draw.chance(0.6):
        ridges.append(ridge(draw, "mountain", horizon, 0.1, 0.2, 2.4, draw.between(0.2, 0.8)))
    if draw.chance(0.7):
        ridges.append(ridge(draw, "wood", horizon + 0.005, 0.03, 0.07, 0.6))
    buildings = village(draw, site, draw.below(3), horizon + 0.06, horizon + 0.16)
    site.groves(("fir",), 2 + draw.below(4), (6, 12), horizon + 0.03, horizon + 0.25)
    site.scatter(("fir", "rock"), 3 + draw.below(6), (1.5, 7), horizon + 0.05, 1.0)
    site.scatter(("person",), draw.below(3), (1.6, 1.9), horizon + 0.1, 0.9)
    if draw.chance(0.5):
        y = draw.between(horizon + 0.14, 0.86)
        site.row("fence", y, 2.4 * (y - horizon) / site.camera, 2.4, LEFT, RIGHT)
    patches = [patch(draw, draw.pick(("rock", "dirt", "grass")), 5, draw.between(0.1, 0.4))]
    return finish(seed, "alpine", draw, site, ground="snow", ridges=ridges, patches=patches, buildings=buildings)


KINDS: dict[str, Callable[[int, Draw], Layout]] = {
    "coast": coast, "lake": lake, "valley": valley, "countryside": countryside, "street": street,
    "desert": desert, "harbour": harbour, "park": park, "meadow": meadow, "alpine": alpine,
}  # fmt: skip


def sample_layout(seed: int) -> Layout:
    """Draw a layout of one of the `KINDS`; the same seed gives the same layout on every machine."""
    draw = Draw(seed, 1)
    return KINDS[draw.pick(tuple(KINDS))](seed, draw)
