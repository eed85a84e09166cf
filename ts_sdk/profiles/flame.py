"""A flame graph: what called what, as wide as it took long; a page that needs nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from ts_sdk.profiles.stacks import Frame, Node, Origin, Stacks

WIDTH_PX = 1200
_ROW_PX = 19
_LETTER_PX = 6.7
_PADDING_PX = 4
_THINNEST_PX = 0.3
_COLOURS = {
    Origin.ARCHIVE: "#e8894c",
    Origin.SDK: "#b8c4d0",
    Origin.TORCH: "#6fb3e0",
    Origin.LIBRARY: "#d9d3b0",
}
_WORDS = {
    Origin.ARCHIVE: "the archive",
    Origin.SDK: "ts-sdk and its handlers",
    Origin.TORCH: "torch",
    Origin.LIBRARY: "other libraries",
}
_STYLE = """\
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 78rem; margin: 1.5rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.3rem; margin: 0; }
p { margin: .3rem 0 .8rem; }
svg { width: 100%; height: auto; font: 11px ui-monospace, Menlo, Consolas, monospace; }
rect { stroke: #fff; stroke-width: .6; }
g.frame { cursor: pointer; }
g.frame:hover rect { stroke: #222; }
text { pointer-events: none; fill: #1a1a1a; }
span.key { display: inline-block; width: .9rem; height: .9rem; vertical-align: -2px;
  margin: 0 .3rem 0 1rem; }
"""
_SCRIPT = """\
const frames = [...document.querySelectorAll("g.frame")];
function show(from, width, depth) {
  for (const frame of frames) {
    const own = { x: +frame.dataset.x, width: +frame.dataset.w, depth: +frame.dataset.d };
    const above = own.depth < depth && own.x <= from && own.x + own.width >= from + width - 1e-7;
    const inside = own.depth >= depth && own.x >= from - 1e-7
      && own.x + own.width <= from + width + 1e-7;
    frame.style.display = above || inside ? "" : "none";
    const x = above ? 0 : (own.x - from) / width * WIDTH;
    const px = above ? WIDTH : own.width / width * WIDTH;
    const [rect, text] = [frame.querySelector("rect"), frame.querySelector("text")];
    rect.setAttribute("x", x);
    rect.setAttribute("width", Math.max(px, 0.3));
    const letters = Math.floor((px - 2 * PADDING) / LETTER);
    const name = frame.dataset.n;
    text.setAttribute("x", x + PADDING);
    text.textContent = letters >= name.length ? name
      : letters > 2 ? name.slice(0, letters - 1) + "\\u2026" : "";
  }
}
for (const frame of frames) {
  frame.addEventListener("click", () =>
    show(+frame.dataset.x, +frame.dataset.w, +frame.dataset.d));
}
"""


@dataclass(frozen=True)
class Box:
    """A frame in the picture.

    Attributes:
        node: The frame, and how long it was seen.
        start: Where it begins, as a share of the width.
        width: How wide it is, as a share.
        depth: In which row it is, from the top.
    """

    node: Node
    start: float
    width: float
    depth: int

    @property
    def frame(self) -> Frame:
        """The frame."""
        return self.node.frame


def boxes_of(root: Node) -> list[Box]:
    """Where each frame is; those that are too thin to be seen are left out."""
    return list(_laid_out(root, root.seconds, 0.0, 0))


def flame_page(stacks: Stacks, title: str) -> str:
    """The page: the picture, and a click makes a frame as wide as the page."""
    boxes = boxes_of(stacks.tree(title))
    constants = f"const WIDTH = {WIDTH_PX}, PADDING = {_PADDING_PX}, LETTER = {_LETTER_PX};\n"
    keys = "".join(
        f'<span class="key" style="background:{_COLOURS[each]}"></span>{_WORDS[each]}'
        for each in Origin
    )
    heading = escape(title)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>\n'
        f"<title>{heading}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{heading}</h1>\n"
        f"<p>{stacks.total_s:.2f} s in {stacks.samples} looks at the Python stack. Each bar is a "
        "function, as wide as it took long, above those that it called; the time of operators is "
        "that of the function which called them. A click widens a bar, one on the topmost shows "
        f"all again.<br/>{keys}</p>\n"
        f"{_picture(boxes)}\n<script>\n{constants}{_SCRIPT}</script>\n</body>\n</html>\n"
    )


def _laid_out(node: Node, total_s: float, start: float, depth: int) -> Iterator[Box]:
    width = node.seconds / total_s if total_s else 0.0
    if width * WIDTH_PX < _THINNEST_PX:
        return
    yield Box(node, start, width, depth)
    for child in node.ordered():
        yield from _laid_out(child, total_s, start, depth + 1)
        start += child.seconds / total_s


def _picture(boxes: list[Box]) -> str:
    rows = max((box.depth for box in boxes), default=0) + 1
    total_s = boxes[0].node.seconds if boxes else 0.0
    frames = "\n".join(_drawn(box, total_s) for box in boxes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH_PX} {rows * _ROW_PX}" '
        f'role="img" aria-label="flame graph">\n{frames}\n</svg>'
    )


def _drawn(box: Box, total_s: float) -> str:
    frame, seconds = box.frame, box.node.seconds
    name = frame.name
    x, y, width = box.start * WIDTH_PX, box.depth * _ROW_PX, box.width * WIDTH_PX
    told = f"{name}: {seconds * 1e3:.1f} ms, {seconds / total_s:.1%}"
    if box.node.children:
        told += f"; itself {box.node.self_s * 1e3:.1f} ms"
    return (
        f'<g class="frame" data-x="{box.start:.9g}" data-w="{box.width:.9g}" data-d="{box.depth}" '
        f'data-n="{escape(name)}"><title>{escape(told)}</title>'
        f'<rect x="{x:.2f}" y="{y}" width="{width:.2f}" height="{_ROW_PX}" rx="1.5" '
        f'fill="{_COLOURS[frame.origin]}"/>'
        f'<text x="{x + _PADDING_PX:.2f}" y="{y + 13}">{escape(_shortened(name, width))}</text></g>'
    )


def _shortened(name: str, width_px: float) -> str:
    letters = int((width_px - 2 * _PADDING_PX) / _LETTER_PX)
    if letters >= len(name):
        return name
    return f"{name[: letters - 1]}…" if letters > 2 else ""  # noqa: PLR2004 - less says nothing
