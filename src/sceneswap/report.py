"""Self-contained HTML pages: one file, readable without a network, the same bytes for the same content.

    write_page(path, "Evaluation", [section("Scores", table(["metric", "value"], [["PSNR", 21.3]]))])

Plain strings are text and are escaped wherever they appear; `Html` marks what is markup already. Every picture is
embedded as PNG and opens large on a click.
"""

import base64
import html
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sceneswap.files import write_text
from sceneswap.scene import Photo


class Html(str):
    """A piece of markup, safe to put into a page as it is."""

    __slots__ = ()


def text(value: Any) -> Html:
    """`value` as markup: `Html` as it is, a float with four significant digits, None as a dash, all else escaped."""
    if isinstance(value, Html):
        return value
    if value is None:
        return Html("–")
    if isinstance(value, float):
        value = f"{value:.4g}"
    return Html(html.escape(str(value)))


def join(parts: Iterable[Any], between: str = "") -> Html:
    """Join pieces of text and markup."""
    return Html(between.join(text(part) for part in parts))


def paragraph(*parts: Any) -> Html:
    """A paragraph of text and markup pieces."""
    return Html(f"<p>{join(parts)}</p>")


def section(heading: str, *parts: Any) -> Html:
    """A section with a heading; plain strings among the parts become paragraphs."""
    body = join((part if isinstance(part, Html) else paragraph(part) for part in parts), "\n")
    return Html(f"<section>\n<h2>{text(heading)}</h2>\n{body}\n</section>")


def table(header: Sequence[Any], rows: Iterable[Sequence[Any]], caption: str | None = None) -> Html:
    """A table; numbers are set flush right."""
    head = "".join(f"<th scope=col>{text(cell)}</th>" for cell in header)
    lines = []
    for row in rows:
        cells = (f"<td{' class=number' if _is_number(cell) else ''}>{text(cell)}</td>" for cell in row)
        lines.append(f"<tr>{''.join(cells)}</tr>")
    title = f"<caption>{text(caption)}</caption>" if caption else ""
    body = "\n".join(lines)
    return Html(
        f"<div class=scroll><table>{title}\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def facts(values: Mapping[str, Any]) -> Html:
    """Names and values as a list of definitions: what a page is about, how it was made."""
    return Html(f"<dl>{''.join(f'<dt>{text(k)}</dt><dd>{text(v)}</dd>' for k, v in values.items())}</dl>")


def picture(photo: Photo | bytes, description: str) -> Html:
    """A picture, (H, W, 3) or (H, W) uint8 or the bytes of a PNG, that opens large on a click.

    description: its alternative text and the line under the large view.
    """
    data = photo if isinstance(photo, bytes) else png(photo)
    source = base64.b64encode(data).decode("ascii")
    label = html.escape(description, quote=True)
    return Html(f'<button class=zoom title="{label}"><img alt="{label}" src="data:image/png;base64,{source}"></button>')


def figure(photo: Photo | bytes, caption: str) -> Html:
    """A picture with its caption below."""
    return Html(f"<figure>{picture(photo, caption)}<figcaption>{text(caption)}</figcaption></figure>")


def gallery(figures: Iterable[Html]) -> Html:
    """Figures side by side."""
    return Html(f"<div class=gallery>{join(figures)}</div>")


def picture_grid(corner: str, columns: Sequence[Html], rows: Sequence[tuple[Html, Sequence[Html]]]) -> Html:
    """A table of pictures whose header row and column stay in view. rows: (header, cells)."""
    head = "".join(f"<th scope=col>{column}</th>" for column in columns)
    body = "\n".join(
        f"<tr><th scope=row>{header}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>" for header, cells in rows
    )
    return Html(
        f"<div class='scroll pictures'><table><thead><tr><th class=corner>{text(corner)}</th>{head}</tr></thead>\n"
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def legend(colors: Mapping[str, Sequence[int]]) -> Html:
    """Names with a swatch of their RGB colour, 0 … 255."""
    items = (
        f"<li><span style='background:#{int(r):02x}{int(g):02x}{int(b):02x}'></span>{text(name)}</li>"
        for name, (r, g, b) in colors.items()
    )
    return Html(f"<ul class=legend>{''.join(items)}</ul>")


def page(title: str, sections: Iterable[Any], lead: Any = "") -> str:
    """The whole page as text. lead: a line under the title."""
    below = f"<p class=lead>{text(lead)}</p>" if lead else ""
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{text(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n'
        f"<header><h1>{text(title)}</h1>{below}</header>\n{join(sections, chr(10))}\n</main>\n"
        f"{_VIEWER}\n</body>\n</html>\n"
    )


def write_page(path: Path, title: str, sections: Iterable[Any], lead: Any = "") -> None:
    """Write `page(…)` to `path`, atomically. Raises `UserError` when it cannot be written."""
    write_text(path, page(title, sections, lead))


def png(photo: Photo) -> bytes:
    """The bytes of a PNG of (H, W, 3) or (H, W) uint8."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(photo)).save(buffer, format="PNG", optimize=False)
    return buffer.getvalue()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


_STYLE = """
:root { color-scheme: light dark; --ink: #1b1d21; --soft: #666b75; --line: #dfe1e6; --paper: #fff; --wash: #f6f7f9; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e9ec; --soft: #9ba1ad; --line: #34373e; --paper: #16181c; --wash: #1f2227; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1400px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 26px; line-height: 1.2; margin: 0; letter-spacing: -.01em; }
h2 { font-size: 17px; margin: 36px 0 12px; }
p { margin: 8px 0; max-width: 80ch; }
.lead, figcaption, caption, dt { color: var(--soft); }
.scroll { overflow: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: 6px; }
th, td { padding: 5px 14px 5px 0; text-align: left; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { font-weight: 600; }
td.number { text-align: right; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 18px; margin: 8px 0; }
dd { margin: 0; overflow-wrap: anywhere; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 6px 18px; margin: 8px 0; padding: 0; }
.legend span { display: inline-block; width: 14px; height: 14px; margin-right: 7px; border-radius: 3px;
  vertical-align: -2px; box-shadow: inset 0 0 0 1px rgb(128 128 128 / 40%); }
.gallery { display: flex; flex-wrap: wrap; gap: 16px; }
figure { margin: 0; max-width: 100%; }
figcaption { font-size: 13px; overflow-wrap: anywhere; }
.zoom { all: unset; display: block; cursor: zoom-in; line-height: 0; max-width: 100%; }
.zoom:focus-visible { outline: 3px solid #3b82f6; outline-offset: 2px; }
img { max-width: 100%; height: auto; border-radius: 3px; }
.pictures { width: fit-content; max-width: 100%; max-height: 92vh; border: 1px solid var(--line);
  border-radius: 8px; background: var(--wash); }
.pictures table { border-collapse: separate; border-spacing: 0; }
.pictures th, .pictures td { padding: 4px; border: 0; text-align: center; vertical-align: middle; }
.pictures th { background: var(--wash); font-size: 12px; font-weight: 500; color: var(--soft); z-index: 1; }
.pictures thead th { position: sticky; top: 0; border-bottom: 1px solid var(--line); vertical-align: bottom; z-index: 2; }
.pictures tbody th { position: sticky; left: 0; border-right: 1px solid var(--line); }
.pictures .corner { left: 0; z-index: 3; border-right: 1px solid var(--line); text-align: left; padding: 8px; }
.pictures img { width: clamp(72px, 11vw, 168px); max-width: none; }
.pictures figcaption { max-width: clamp(72px, 11vw, 168px); line-height: 1.3; padding-top: 3px; font-size: 12px; }
.pictures td .zoom:hover img { box-shadow: 0 0 0 2px #3b82f6; }
dialog { border: 0; padding: 0; background: transparent; max-width: 96vw; max-height: 96vh; overflow: hidden;
  cursor: zoom-out; color: #fff; text-align: center; }
dialog::backdrop { background: rgb(0 0 0 / 82%); }
dialog:focus-visible { outline: 0; }
dialog img { display: block; margin: 0 auto; }
dialog p { margin: 8px auto 0; max-width: none; }
"""

_VIEWER = """<dialog id="large"><img alt=""><p></p></dialog>
<script>
const large = document.getElementById("large");
document.addEventListener("click", event => {
  const button = event.target.closest("button.zoom");
  if (large.open) return large.close();
  if (!button) return;
  const small = button.querySelector("img");
  const shown = large.querySelector("img");
  shown.src = small.src;
  shown.alt = small.alt;
  shown.style.width = `min(94vw, ${86 * small.naturalWidth / small.naturalHeight}vh)`;
  large.querySelector("p").textContent = small.alt;
  large.showModal();
});
</script>"""
