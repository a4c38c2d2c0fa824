"""Drawing and measuring all pairs of a task, kept pair by pair so that an interrupted run goes on where it was.

    pairs/NAME.jsonl      first the header (protocol, method), then a line per pair
    features/NAME/*.npy   (B, D) features per batch, for tasks with a distance of distributions

Pairs are worked on in a fixed order of fixed batches, and only whole batches are kept: an interrupted run that goes on
computes exactly what an uninterrupted one computes.
"""

import io
import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from sceneswap.engines import Engine
from sceneswap.errors import UserError
from sceneswap.evaluation.methods import Method
from sceneswap.evaluation.pairs import Pairs, Sample
from sceneswap.evaluation.protocol import first_difference, shorten
from sceneswap.files import (
    atomic_path,
    make_folder,
    parse_json,
    read_bytes,
    read_json,
    read_text,
    slug,
    write_json,
    write_text,
)
from sceneswap.scene import Photo

_SAVE_SECONDS = 2.0

PairScores = dict[str, Any]
"""A pair's results: pair, layout, exemplar, similarity, and a float per metric."""


class Measure(Protocol):
    """Scores a batch of drawings: a value per pair and metric, and features (B, D) for distances of distributions."""

    def __call__(
        self, samples: Sequence[Sample], drawn: Sequence[Photo]
    ) -> tuple[dict[str, list[float]], NDArray[np.float32] | None]: ...


class PairResults:
    """The kept results of one method. Raises `UserError` when the folder holds results of something else."""

    def __init__(self, out: Path, name: str, header: dict[str, Any]) -> None:
        self.name, self.header = name, header
        plain = slug(name)
        self.path = out / "pairs" / f"{plain}.jsonl"
        self.features_folder = out / "features" / plain
        self._clock = out / "pairs" / f"{plain}.time.json"
        self.rows: list[PairScores] = self._read()
        self.pairs_timed, self.seconds = self._read_clock() if self.rows else (0, 0.0)
        self._saved, self._saved_at = len(self.rows), time.monotonic()

    def keep(self, number: int, rows: list[PairScores], features: NDArray[np.float32] | None, seconds: float) -> None:
        """Keep batch `number`; the file follows within seconds, at the latest with `save`."""
        if features is not None:
            with atomic_path(self.features_folder / f"{number:06d}.npy") as temporary, temporary.open("wb") as file:
                np.save(file, features, allow_pickle=False)
        self.rows += rows
        self.pairs_timed, self.seconds = self.pairs_timed + len(rows), self.seconds + seconds
        if time.monotonic() - self._saved_at > _SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        """Write what is kept, atomically."""
        if len(self.rows) != self._saved or not self.path.exists():
            lines = [json.dumps(row, ensure_ascii=False, allow_nan=False) for row in (self.header, *self.rows)]
            write_text(self.path, "\n".join(lines) + "\n")
            write_json(self._clock, {"pairs": self.pairs_timed, "seconds": round(self.seconds, 3)})
        self._saved, self._saved_at = len(self.rows), time.monotonic()

    def features(self) -> NDArray[np.float32]:
        """All kept features, (N, D), in the order of work. Raises `UserError` when a file is missing or damaged."""
        size = int(self.header["batch_size"])
        paths = [self.features_folder / f"{number:06d}.npy" for number in range(-(-len(self.rows) // size))]
        try:
            found = np.concatenate([np.load(io.BytesIO(read_bytes(path)), allow_pickle=False) for path in paths])
            if found.ndim != 2 or len(found) != len(self.rows):
                raise ValueError(f"{len(self.rows)} rows of features are wanted, not an array of {found.shape}")
            return found
        except (UserError, OSError, ValueError, EOFError, TypeError) as error:
            raise UserError(f"{self.features_folder} is damaged ({error}); delete {self.path} and run again") from error

    def _read(self) -> list[PairScores]:
        if not self.path.exists():
            return []
        header, rows = _read_kept(self.path)
        differs = first_difference(header, self.header)
        if differs:
            field, kept, wanted = differs
            raise UserError(
                f"{self.path} holds results of another evaluation: {field} was {shorten(kept)}, now it is "
                f"{shorten(wanted)}; choose another --out, or delete that file"
            )
        return rows

    def _read_clock(self) -> tuple[int, float]:
        if not self._clock.exists():
            return 0, 0.0
        match read_json(self._clock, "the time that an evaluation took"):
            case {"pairs": int(pairs), "seconds": int() | float() as seconds} if 0 <= seconds < 1e15:
                return pairs, float(seconds)
        raise UserError(f"{self._clock} is damaged; delete it, and the times start anew")


Scored = tuple[list[PairScores], NDArray[np.float32] | None]
"""The rows of a batch, and its features (B, D) where there are any."""


@dataclass(frozen=True)
class Scoring:
    """Draws and measures a batch of pairs, given by their numbers: what an engine takes to other machines."""

    pairs: Pairs
    method: Method
    measure: Measure

    def __call__(self, batch: Sequence[int]) -> Scored:
        """Rows and features of a batch. Raises `UserError` when a scene cannot be read."""
        samples = [self.pairs[i] for i in batch]
        return self.score(samples, self.method.draw(samples))

    def score(self, samples: list[Sample], drawn: list[Photo]) -> Scored:
        """Measure what has been drawn."""
        with torch.inference_mode():  # per thread
            values, features = self.measure(samples, drawn)
        return _rows(samples, values), features

    def lost(self, batch: Sequence[int], why: str) -> Scored:
        """Raise the `UserError` of a batch that no engine could get measured: the mean of all needs every pair."""
        raise UserError(f"pair {batch[0]} could not be measured: {why}; try a smaller --batch-size")

    def ahead(self, batches: Sequence[Sequence[int]]) -> Iterator[Scored]:
        """One batch after another here: while one is measured the next is drawn."""
        with ThreadPoolExecutor(1) as pool:
            pending: Future[Scored] | None = None
            for batch in batches:
                samples = [self.pairs[i] for i in batch]
                drawn = self.method.draw(samples)
                if pending:
                    yield pending.result()
                pending = pool.submit(self.score, samples, drawn)
            if pending:
                yield pending.result()


def run(
    pairs: Pairs,
    method: Method,
    measure: Measure,
    out: Path,
    protocol: dict[str, Any],
    *,
    batch_size: int = 8,
    engine: Engine | None = None,
    on_done: Callable[[int], None] = lambda count: None,
) -> PairResults:
    """Draw and measure every pair that `out` does not hold yet; return the results, rows in the order of the pairs.

    Pairs of one exemplar follow one another, so that it is encoded once. engine: where; None: here, see `Scoring.ahead`.
    on_done: called with the number of pairs just done, kept ones first. Raises `UserError` when `out` holds something
    else.
    """
    make_folder(out / "pairs")
    results = PairResults(out, method.name, _header(method, protocol, batch_size))
    order = sorted(range(len(pairs)), key=lambda i: (pairs.exemplar_key(i), i))
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    done = _whole_batches(results, batches)
    on_done(len(results.rows))

    scoring, left = Scoring(pairs, method, measure), batches[done:]
    scored = scoring.ahead(left) if engine is None else engine(scoring, left)
    try:
        since = time.monotonic()
        for number, (rows, features) in enumerate(scored, done):
            now = time.monotonic()
            results.keep(number, rows, features, now - since)
            since = now
            on_done(len(rows))
    finally:
        results.save()
    results.rows = sorted(results.rows, key=lambda row: int(row["pair"]))
    return results


def read_rows(out: Path, name: str) -> list[PairScores]:
    """The rows that `run` has kept of the method `name`, in the order of the pairs."""
    _, rows = _read_kept(out / "pairs" / f"{slug(name)}.jsonl")
    return sorted(rows, key=lambda row: int(row["pair"]))


def _read_kept(path: Path) -> tuple[Any, list[PairScores]]:
    """Header and rows of a file of kept pairs. Raises `UserError` when a row is not one, or has other metrics."""
    try:
        header, *rows = [parse_json(line) for line in read_text(path, "").splitlines()]
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}); delete it to measure it again") from error
    for number, row in enumerate(rows, 2):
        if not _is_row(row) or row.keys() != rows[0].keys():
            raise UserError(f"{path} is damaged: line {number} holds no scores of a pair; delete it to measure again")
    return header, rows


def _is_row(row: Any) -> bool:
    match row:
        case {"pair": int(), "layout": str(), "exemplar": str(), **numbers}:
            return "similarity" in numbers and all(isinstance(n, int | float) for n in numbers.values())
    return False


def drop_unlike(method: Method, out: Path, protocol: dict[str, Any], *, batch_size: int = 8) -> bool:
    """Remove what `out` keeps of a method of this name if it was measured otherwise (or is damaged), to measure anew.

    Returns whether there was such a thing.
    """
    try:
        PairResults(out, method.name, _header(method, protocol, batch_size))
        return False
    except UserError:
        (out / "pairs" / f"{slug(method.name)}.jsonl").unlink()
        return True


def _header(method: Method, protocol: dict[str, Any], batch_size: int) -> PairScores:
    return {"protocol": protocol, "method": method.describe(), "batch_size": batch_size}


def _whole_batches(results: PairResults, batches: list[list[int]]) -> int:
    """Count the batches that are kept whole, and drop the rest of the rows."""
    kept = [row["pair"] for row in results.rows]
    done, count = 0, 0
    for batch in batches:
        if kept[count : count + len(batch)] != batch:
            break
        done, count = done + 1, count + len(batch)
    del results.rows[count:]
    return done


def _rows(samples: list[Sample], values: dict[str, list[float]]) -> list[PairScores]:
    return [
        {
            "pair": s.index,
            "layout": s.target.name,
            "exemplar": s.exemplar.name,
            "similarity": s.similarity,
            **{metric: float(column[i]) for metric, column in values.items()},
        }
        for i, s in enumerate(samples)
    ]
