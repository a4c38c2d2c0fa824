"""The README.md of benchmarks/outdoor/report.py: tables, pictures and the commands behind them, from the records alone."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from sceneswap.evaluation import labels
from sceneswap.evaluation.methods import PHOTOGRAPH
from sceneswap.evaluation.metrics.identification import CRITERIA
from sceneswap.evaluation.page import PAPER

SWAP = ("L_style", "NN_pixel", "NN_conv1")
PAPER_NAMES = {"GAP": "ours_GAP", "SPADE_VAE": "SPADE_VAE"}

Record = Mapping[str, Any]


def markdown(records: Mapping[str, Record], command: str, credit: str) -> str:
    """The page. records: part → its record, empty for parts that were left out."""
    parts = [
        "# Real photographs",
        _lead(records["swap"], command),
        *_swap(records["swap"]),
        *_identification(records["swap"]),
        *_layout(records["layout"]),
        *_attention(records["attention"]),
        *(_figures(records["figures"], credit) if records["figures"] else []),
        *(_labels(records["labels"]) if records["labels"] else []),
        *_speed(records["speed"]),
        *_made(records["swap"]),
    ]
    return "\n\n".join(parts) + "\n"


def command(report: Any) -> str:
    """The command that makes a report (the dataclass of report.py), without the paths of this machine."""
    models = " ".join(f"{name}=…" for name in report.models)
    parts = [
        "python -m benchmarks.outdoor.report",
        "--data DATA/test/*",
        f"--model {models}",
        "--out docs/results/outdoor",
    ]
    if report.seen:
        splits = dict.fromkeys(root.resolve().parent.name for root in report.seen)
        parts.insert(2, f"--seen {' '.join(f'DATA/{split}/*' for split in splits)}")
    for field in fields(report):
        value = getattr(report, field.name)
        if isinstance(value, int | str) and value != field.default and field.name not in ("device", "threads"):
            parts.append(f"--{field.name.replace('_', '-')} {shlex.quote(str(value))}")
    return " ".join(parts)


def _lead(record: Record, command: str) -> str:
    data, pairs, size = (record["protocol"][key] for key in ("data", "pairs", "size"))
    return (
        f"Made by one command; do not edit.\n\n```\n{command}\n```\n\n"
        f"{pairs['count']:,} random swaps among {data['scenes']} photographs of the test split, which no model was trained on, "
        f"at {size}×{size}. In brackets 95 % bootstrap intervals of the mean over pairs. What exactly was measured, by hash, "
        "stands in the JSON files beside this page. The paper's models saw 34,698 scenes and its numbers are of other "
        "pictures: hold its ratios against these, never its values."
    )


def _swap(record: Record) -> list[str]:
    scores = record["scores"]
    best = {m: min(scores, key=lambda name: scores[name][m]["mean"]) for m in SWAP}
    rows = [[name, *(_bold(_score(by[m]), best[m] == name) for m in SWAP)] for name, by in scores.items()]
    ratios = []
    for pair, by_metric in record["ratios"].items():
        ratios.append(
            [pair, *(f"{r['ratio']:.2f} [{r['low']:.2f}, {r['high']:.2f}]" for r in map(by_metric.get, SWAP))]
        )
        paper = PAPER_NAMES.get(pair.rpartition(" / ")[2])
        if paper:
            of_paper = zip(PAPER["ours"], PAPER[paper], strict=True)
            ratios.append(["*the paper's*", *(f"*{float(a) / float(b):.2f}*" for a, b in of_paper)])
    return [
        "## Style swapping",
        "[Record](swap.json). Smaller is nearer to the exemplar.",
        _table(["model", *(f"{m} ↓" for m in SWAP)], rows),
        _table(["ratio", *SWAP], ratios),
        "Intervals of ratios resample the pairs of both models together. "
        + record["protocol"]["metrics"]["NN_conv1"]
        + ".",
        "![every metric over the semantic similarity of the pair](similarity.png)",
    ]


def _identification(record: Record) -> list[str]:
    names = [name for name in CRITERIA if name in record["protocol"]["metrics"]]
    rows = [[model, *(_percent(by[name]) for name in names)] for model, by in record["scores"].items()]
    meanings = [f"- *{name}*: {record['protocol']['metrics'][name].partition(': ')[2]}" for name in names]
    return [
        "## Is the exemplar told from others?",
        "How often the true exemplar is, among the candidates, the one whose look the drawing is nearest to. L_style is near "
        "to what models may be trained on; the other criteria are in no loss.",
        _table(["model", *names], rows),
        "\n".join(meanings),
    ]


def _layout(record: Record) -> list[str]:
    rows = []
    for name, by in record["scores"].items():
        overall = record["overall"][name]
        of_photograph = overall.get("agreement / photograph's")
        cells = [
            _percent(by["layout agreement"]),
            "–" if of_photograph is None else f"{of_photograph:.0%}",
            f"{by['copy distance']['mean']:.2f}",
            f"{overall['FID']:.1f}",
        ]
        rows.append([f"*{name}*" if name == PHOTOGRAPH.name else name, *cells])
    return [
        "## Layout and FID",
        "[Record](layout.json). A segmentation network looks for the classes of the label map in the drawing; its agreement "
        "with the real photograph of that label map is the measure of what can be reached. Copy distance: 0 where the drawing "
        "copies its exemplar, about 1 where it is no nearer to it than another photograph.",
        _table(["model", "layout agreement ↑", "of the photograph's ↑", "copy distance", "FID ↓"], rows),
        *(f"*{note}*" for note in record["notes"]),
        "*Most label maps were made by a network. Where it is the one that judges here, photographs reach more for that.*",
    ]


def _attention(record: Record) -> list[str]:
    like = record["like"]
    rows = [
        [
            one["label"], f"{one['same']:.3f}", _share(one.get("same_untrained")), f"{one['same_uniform']:.3f}",
            _times(one["same_ratio"]), one["group"], f"{one['alike']:.3f}", _share(one.get("alike_untrained")),
            f"{one['alike_uniform']:.3f}", _times(one["alike_ratio"]),
        ]
        for one in like
    ]  # fmt: skip
    means = {
        key: sum(one[key] for one in like) / len(like) for key in ("same", "same_uniform", "alike", "alike_uniform")
    }
    same, alike = (
        means[key] / means[f"{key}_uniform"] if means[f"{key}_uniform"] else None for key in ("same", "alike")
    )
    rows.append(
        [
            "*mean*", f"{means['same']:.3f}", _share(_mean(like, "same_untrained")), f"{means['same_uniform']:.3f}",
            _times(same), "", f"{means['alike']:.3f}", _share(_mean(like, "alike_untrained")),
            f"{means['alike_uniform']:.3f}", _times(alike),
        ]
    )  # fmt: skip
    groups = "; ".join(f"{name}: {', '.join(members)}" for name, members in record["groups"].items())
    header = [
        "label", "same label", "untrained", "GAP", "ratio", "group", "same group", "untrained", "GAP", "ratio",
    ]  # fmt: skip
    controls = [
        [name, f"{one['diagonal']:.3f}", f"{one['diagonal_where_shared']:.3f}"]
        for name, one in {"the model": record, **record.get("controls", {})}.items()
    ]
    return [
        "## What the attention learned",
        f"[Record](attention.json). {record['pairs']:,} random pairs; the finest scale, the mask left out. For the "
        f"{len(like)} commonest labels: the share of its attention that a label gives to the same label in the exemplar, and "
        "to labels of its group. GAP attends to all positions alike, so its shares are those of the labels in the exemplars; "
        "untrained is the mean of the same network with the weights that training starts from. What training adds is the "
        "difference.",
        _table(["matrix", "mean diagonal", "where the exemplar has the label"], controls),
        _table(header, rows),
        f"Groups: {groups}.",
        "![shares from the same label and the same group, ours and GAP](like.png)",
        "![transfer matrix: exemplar label (rows) to target label (columns)](transfer.png)",
        "![dendrogram of the labels by where their features go](dendrogram.png)",
        "The same by `sceneswap attention dendrogram --data … --model … --pairs "
        + f"{record['pairs']} --out attention`.",
    ]


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _mean(like: list[Record], key: str) -> float | None:
    values = [one.get(key) for one in like]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def _figures(record: Record, credit: str) -> list[str]:
    exemplars = record["exemplars"]
    by_split: dict[str, list[str]] = {}
    for one in exemplars:
        by_split.setdefault(one["split"], []).append(one["name"])
    unseen = record["unseen"]
    listed = "; ".join(f"{split}: {', '.join(names)}" for split, names in by_split.items())
    files = record["files"]
    return [
        "## Every layout in every look",
        f"Rows: {record['layouts']} label maps of the test split, evenly spread over it. Columns: the exemplars, in the first "
        f"row; the first {unseen} of {len(exemplars)} are of the test split, the others were used in training or validation. "
        f"By split, from left to right: {listed}.",
        _table(list(files), [[f"[![swaps by {name}]({file})]({file})" for name, file in files.items()]]),
        credit,
    ]


def _labels(record: Record) -> list[str]:
    return [
        "## Label maps estimated from photographs",
        "[Record](labels.json): `sceneswap evaluate labels --data … --model … --out labels`.",
        _table(*labels.score_rows(record)),
    ]


def _speed(record: Record) -> list[str]:
    machine = record["machine"]
    rows = [
        ["reading an exemplar", f"{record['encode_seconds']:.3f} s, {record['encode_gflop']:.1f} GFLOP"],
        ["drawing a label map", f"{record['draw_seconds']:.3f} s, {record['draw_gflop']:.1f} GFLOP"],
        ["share of the attention in both", f"{record['msca_share']:.0%}"],
        ["peak memory of the process", f"{record['memory_peak_mebibytes']:.0f} MiB"],
        ["parameters", f"{record['parameters']:,}"],
    ]
    return [
        "## Speed",
        f"[Record](synthesis.json): {record['size']}×{record['size']}, {machine['processor']}, {machine['threads']} of "
        f"{machine['cores']} cores: `python -m benchmarks.speed.synthesis --model … --json synthesis.json`.",
        _table(["what", "ours"], rows),
    ]


def _made(record: Record) -> list[str]:
    rows = [
        [name, f"`{about['weights_sha256'][:16]}…`", f"{about['exemplar_size']}"]
        for name, about in record["methods"].items()
    ]
    return ["## The models", _table(["model", "SHA-256 of the weights", "exemplars read at"], rows)]


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _score(score: Record) -> str:
    mean, low, high = (
        f"{v:.2e}" if score["mean"] < 0.01 else f"{v:.3f}" for v in map(score.get, ("mean", "low", "high"))
    )
    return f"{mean} [{low}, {high}]"


def _percent(score: Record) -> str:
    return f"{score['mean']:.1%} [{score['low']:.1%}, {score['high']:.1%}]"


def _times(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2f}×"


def _bold(text: str, wanted: bool) -> str:
    return f"**{text}**" if wanted else text
