"""The README.md of benchmarks/outdoor/report.py: tables, pictures and the commands behind them, from the records alone."""

# Long: every section of one page, a function each.

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from sceneswap.evaluation import labels
from sceneswap.evaluation.methods import PHOTOGRAPH
from sceneswap.evaluation.metrics.identification import CRITERIA
from sceneswap.evaluation.page import PAPER, TRAINED_ON

SWAP = ("L_style", "NN_pixel", "NN_conv1")
PAPER_NAMES = {"GAP": "ours_GAP", "SPADE_VAE": "SPADE_VAE"}

Record = Mapping[str, Any]


def markdown(records: Mapping[str, Record], weights: Mapping[str, str], command: str) -> str:
    """The page. records: part → its record, empty for parts that were left out. weights: model → SHA-256."""
    sections: dict[str, list[Callable[[Record], list[str]]]] = {
        "swap": [_swap, _identification], "layout": [_layout, _classes], "fid": [_fid], "sheet": [_sheet],
        "attention": [_attention], "border": [_border], "figures": [_figures], "labels": [_labels], "speed": [_speed],
    }  # fmt: skip
    parts = ["# Real photographs", _lead(records, command)]
    for name, writers in sections.items():
        if records.get(name):
            parts += [text for write in writers for text in write(records[name])]
    known = {name: digest for record in records.values() for name, digest in record.get("weights", {}).items()}
    rows = [[name, f"`{digest[:16]}…`"] for name, digest in {**known, **weights}.items()]
    parts += ["## The models", _table(["model", "SHA-256 of the weights"], rows)]
    return "\n\n".join(parts) + "\n"


def command(report: Any) -> str:
    """The command that makes a report (a `settings.Report`), without the paths of this machine."""
    parts = ["python -m benchmarks.outdoor.report", "--data DATA/test/*"]
    parts += ["--train DATA/train/*"] if report.train else []
    parts += [f"--model {' '.join(f'{name}=…' for name in report.models)}"] if report.model else []
    parts.append(f"--out docs/results/{report.out.name}")
    for field in fields(report):
        value = getattr(report, field.name)
        if isinstance(value, int) and value != field.default and field.name != "threads":
            parts.append(f"--{field.name.replace('_', '-')} {value}")
    return " ".join(parts)


def _lead(records: Mapping[str, Record], command: str) -> str:
    measured = next((records[name]["protocol"] for name in ("swap", "layout") if records.get(name)), None)
    lead = f"Made by one command; do not edit.\n\n```\n{command}\n```\n\n"
    if measured is not None:
        data, pairs, size = (measured[key] for key in ("data", "pairs", "size"))
        lead += (
            f"{pairs['count']:,} random swaps among {data['scenes']} photographs of the test split, which no model was "
            f"trained on, at {size}×{size}. In brackets 95 % bootstrap intervals of the mean over pairs. "
        )
    return lead + (
        "What exactly was measured, by hash, stands in the JSON files beside this page. The paper's models saw 34,698 scenes "
        "and its numbers are of other pictures: hold its ratios against these, never its values. A part that is missing here "
        "was not measured for these models."
    )


def _swap(record: Record) -> list[str]:
    scores = record["scores"]
    best = {m: min(scores, key=lambda name: scores[name][m]["mean"]) for m in SWAP}
    about = record["methods"]
    rows = [
        [name, *(_bold(_score(by[m]), best[m] == name) for m in SWAP), about[name].get("trained_on", "not recorded")]
        for name, by in scores.items()
    ]
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
        _table(["model", *(f"{m} ↓" for m in SWAP), TRAINED_ON], rows),
        *([_table(["ratio", *SWAP], ratios)] if ratios else []),
        *(["Intervals of ratios resample the pairs of both models together."] if ratios else []),
        f"{record['protocol']['metrics']['NN_conv1']}.",
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
        of_photograph = record["overall"][name].get("agreement / photograph's")
        cells = [
            _percent(by["layout agreement"]),
            "–" if of_photograph is None else f"{of_photograph:.0%}",
            f"{by['copy distance']['mean']:.2f}",
        ]
        rows.append([f"*{name}*" if name == PHOTOGRAPH.name else name, *cells])
    return [
        "## Layout",
        "[Record](layout.json). A segmentation network looks for the classes of the label map in the drawing; its agreement "
        "with the real photograph of that label map is the measure of what can be reached. Copy distance: 0 where the drawing "
        "copies its exemplar, about 1 where it is no nearer to it than another photograph.",
        _table(["model", "layout agreement ↑", "of the photograph's ↑", "copy distance"], rows),
        "*Most label maps were made by a network. Where it is the one that judges here, photographs reach more for that.*",
    ]


def _classes(record: Record) -> list[str]:
    methods = list(next(iter(record["classes"].values()))["found"])
    models = [name for name in methods if name != PHOTOGRAPH.name]
    rows = [
        [
            name, f"{one['share']:.1%}", f"{one['pictures']}", f"{one['found'][PHOTOGRAPH.name]['ratio']:.0%}",
            *(_recall(one["found"][model]) for model in models), f"{100 * one['lost']:.1f}",
        ]
        for name, one in record["classes"].items()
    ]  # fmt: skip
    return [
        "### Class by class",
        "Of a class's pixels in all label maps together, the share that is found again in the photographs of these maps and in "
        f"the drawings. Last, what the class costs {models[0]} against the photographs, in points of all pixels; the dearest "
        "class first.",
        _table(["class", "of all pixels", "swaps", "in photographs", *models, "lost"], rows),
    ]


def _recall(score: Record) -> str:
    return f"{score['ratio']:.0%} [{score['low']:.0%}, {score['high']:.0%}]"


def _fid(record: Record) -> list[str]:
    rows = [
        [name, f"{one['FID']:.1f}", "–" if one.get("ours / this") is None else f"{one['ours / this']:.2f}"]
        for name, one in record["scores"].items()
    ]
    return [
        "## FID",
        f"[Record](fid.json). {record['protocol']['definition']}. Every model drew the same swaps.",
        _table(["model", "FID ↓", f"{next(iter(record['scores']))} / this"], rows),
    ]


def _sheet(record: Record) -> list[str]:
    shown = len(record["shown"])
    return [
        f"## {shown} random swaps",
        f"The first {shown} of the random swaps, none chosen, under their numbers: label map, drawing. The exemplars are "
        "photographs that are not ours to publish; the command writes the sheet with them too ([which they are](sheet.json)).",
        f"[![{shown} label maps with the drawings made of them]({record['file']})]({record['file']})",
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
    keys = ("same", "same_uniform", "alike", "alike_uniform")
    means = {key: sum(one[key] for one in like) / len(like) for key in keys}
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


def _border(record: Record) -> list[str]:
    rows = [
        [
            f"1/{2**number}",
            f"{one['area']:.1%}",
            f"{one['share']:.1%}",
            f"{one['ratio']:.2f}",
            f"{one['most_ratio']:.2f}",
        ]
        for number, one in enumerate(record["scales"])
    ]
    return [
        "## Attention on the border",
        "[Record](border.json): `python -m benchmarks.outdoor.border`. How much of the attention lies on the outermost ring "
        f"of positions of {record['exemplars']} exemplars, each drawn in its own look, beside the ring's share of the area; "
        "last, for the map that has most there.",
        _table(["scale", "ring's area", "attention", "ratio", "of the strongest map"], rows),
    ]


def _figures(record: Record) -> list[str]:
    files = record["files"]
    said = (
        f"The examples that come with the package, photographs free to share (CC0) that no model was trained on: "
        f"{', '.join(record['scenes'])}."
    )
    if not record["scenes"]:
        said = (
            "Label maps of the test split, evenly spread over it, in the looks of their photographs. These may not be passed "
            "on: above each column stands its own label map in its look as drawn, and nothing in the picture is a photograph."
        )
    return [
        "## Every layout in every look",
        said,
        _table(list(files), [[f"[![swaps by {name}]({file})]({file})" for name, file in files.items()]]),
    ]


def _labels(record: Record) -> list[str]:
    return [
        "## Label maps estimated from photographs",
        f"[Record](labels.json): `sceneswap evaluate labels --data … --out labels`. Read by {record['labeller']['network']}.",
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
        f"[Record](speed.json): {record['size']}×{record['size']}, {machine['processor']}, {machine['threads']} of "
        f"{machine['cores']} cores: `python -m benchmarks.speed.synthesis --model … --json speed.json`.",
        _table(["what", "ours"], rows),
    ]


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
