"""Are shards what was written? Every byte is read and compared; see `verify_shards`."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from sceneswap.data.shard import END, Places, digest_of, parse_places, unpack
from sceneswap.data.shard_dataset import Placed, read_span
from sceneswap.errors import UserError
from sceneswap.files import sha256
from sceneswap.images import read_turned
from sceneswap.labels.io import read_label_map
from sceneswap.processes import mapping


def verify_shards(
    shards: Sequence[Placed],
    *,
    pictures: bool = False,
    workers: int = 1,
    track: Callable[[Sequence[Placed]], Iterable[Placed]] = iter,
) -> list[str]:
    """A sentence for everything that is wrong with shards, empty when all is well.

    Compares length and SHA-256 of every tar, index and scene, and looks into every scene: a photograph, a label map and a
    JSON, plain files all. pictures: decode them too. track: passes the shards on one by one, to show progress.
    """
    with mapping(min(workers, len(shards)), 1) as each:
        found = each(partial(faults_of, pictures=pictures), shards)
        return [fault for _, faults in zip(track(shards), found, strict=True) for fault in faults]


def faults_of(one: Placed, *, pictures: bool = False) -> list[str]:
    """What is wrong with one shard."""
    where = one.place.named(one.shard.url)
    try:
        one.place.check(one.shard)
        index = one.place.named(one.shard.index)
        places = parse_places(one.place.read_index(one.shard), one.shard, index)
        tar = one.place.tar(one.shard)
        faults = [
            fault for number in range(len(places.titles)) for fault in _of_scene(one, tar, places, number, pictures)
        ]
        faults += _between(tar, places, where)
        if not faults and sha256(tar) != one.shard.sha256:
            faults.append(f"{where} is another file than the index names: its SHA-256 differs; copy it again")
    except UserError as error:
        return [str(error)]
    return faults


def _of_scene(one: Placed, tar: Path, places: Places, number: int, pictures: bool) -> list[str]:
    where, title = one.place.named(one.shard.url), places.titles[number]
    data = read_span(tar, *places.spans[number].tolist())
    if digest_of(data) != places.digests[number].tobytes():
        return [
            f"the scene {title} in {where} is damaged: its bytes are not those that were written; copy the shard again"
        ]
    try:
        photo, label_map, about = unpack(data, where)
        if pictures:
            read_turned(photo)
            read_label_map(label_map, one.schemas[about["schema"]])
    except UserError as error:
        return [str(error)]
    except KeyError:
        return [
            f"the scene {title} in {where} is labelled in a schema that the index does not have; make the shard again"
        ]
    return []


def _between(tar: Path, places: Places, where: str) -> list[str]:
    """Whether the scenes follow one another to the end, with nothing in between."""
    at = 0
    for title, (start, size) in zip(places.titles, places.spans.tolist(), strict=True):
        if start != at:
            return [
                f"{where} holds {abs(start - at):,} bytes before {title} that belong to no scene; make the shard again"
            ]
        at = start + size
    if read_span(tar, at, len(END) + 1) != END:
        return [f"{where} does not end after its last scene; copy the shard again"]
    return []
