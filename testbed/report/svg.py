"""What all our pictures have in common: a document of its own, or a part of a page; colours by meaning.

Colours are CSS variables, light and dark by the reader's preference. A page that holds a picture
brings the same variables.
"""

from __future__ import annotations

from typing import Final

from testbed.report.markup import Markup, element

LIGHT: Final = {
    "paper": "#ffffff", "ink": "#1f2328", "faint": "#59636e", "rule": "#d1d9e0", "panel": "#f6f8fa",
    "accent": "#0550ae", "passed": "#116329", "failed": "#b3131f", "unknown": "#7d4e00", "skipped": "#59636e",
    "arp": "#7a3e9d", "tcp": "#0550ae", "udp": "#0b6e5f", "icmp": "#8a4600", "other": "#59636e",
    "opening": "#9a6700", "open": "#116329", "closing": "#0550ae", "waiting": "#7a3e9d", "closed": "#59636e",
}  # fmt: skip
DARK: Final = {
    "paper": "#0d1117", "ink": "#e6edf3", "faint": "#9198a1", "rule": "#3d444d", "panel": "#161b22",
    "accent": "#79c0ff", "passed": "#56d364", "failed": "#ff7b72", "unknown": "#e3b341", "skipped": "#9198a1",
    "arp": "#d2a8ff", "tcp": "#79c0ff", "udp": "#56d3b4", "icmp": "#f0a04b", "other": "#9198a1",
    "opening": "#e3b341", "open": "#56d364", "closing": "#79c0ff", "waiting": "#d2a8ff", "closed": "#9198a1",
}  # fmt: skip

SHAPES: Final = """
.pic{font:12px/1.2 ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;color:var(--ink)}
.pic text{fill:var(--ink);paint-order:stroke;stroke:var(--paper);stroke-width:4px;stroke-linejoin:round}
.pic .faint{fill:var(--faint)}.pic .small{font-size:10px}.pic .strong{font-weight:700}
.pic .box{fill:var(--panel);stroke:var(--rule)}.pic .router{stroke:var(--accent);stroke-width:1.5}
.pic .box~text{stroke:none}.pic .rail{stroke:var(--accent);stroke-width:5;stroke-linecap:round}
.pic .wire{stroke:var(--faint);fill:none}.pic .life{stroke:var(--rule);stroke-width:1.5}
.pic .through{stroke:var(--faint);stroke-dasharray:2 3;fill:none}
.pic .step rect{fill:var(--panel)}.pic .step text{font-weight:700;stroke:none}
.pic .step .faint{font-weight:400}
.pic .a line,.pic .a path,.pic .a circle{stroke:var(--c);fill:var(--c)}.pic .a text.head{fill:var(--c)}
.pic .a.cited line{stroke-width:2.5}.pic .pin{fill:var(--accent)!important;stroke:none!important}
.pic .a.lost{--c:var(--failed)!important}.pic .x{stroke:var(--failed)!important;stroke-width:3}
.pic text.why{fill:var(--failed)}.pic .band{fill:var(--c)}.pic .s text{fill:var(--c)}
.pic .note text{fill:var(--faint)}.pic .note.outcome text,.pic .note.fault text{fill:var(--failed)}
.p-arp{--c:var(--arp)}.p-tcp{--c:var(--tcp)}.p-udp{--c:var(--udp)}.p-icmp{--c:var(--icmp)}.p-other{--c:var(--other)}
.t-opening{--c:var(--opening)}.t-open{--c:var(--open)}.t-closing{--c:var(--closing)}
.t-waiting{--c:var(--waiting)}.t-closed{--c:var(--closed)}
""".strip()


def variables(colours: dict[str, str]) -> str:
    """Return colours as CSS declarations."""
    return "".join(f"--{name}:{value};" for name, value in colours.items())


def stylesheet() -> str:
    """Return the style of a picture that stands alone."""
    return (
        f":root{{{variables(LIGHT)}}}\n"
        f"@media (prefers-color-scheme:dark){{:root{{{variables(DARK)}}}}}\n"
        f"svg.pic{{background:var(--paper)}}\n{SHAPES}"
    )


def picture(
    title: str,
    description: str,
    width: float,
    height: float,
    *parts: str,
    alone: bool = True,
    key: str = "pic",
) -> Markup:
    """Return a picture with the title and description that a screen reader tells.

    alone: a document of its own, with its style. key: what its identifiers begin with, unique in a page.
    """
    told = (
        element("title", title, id=f"{key}-title"),
        element("desc", description, id=f"{key}-desc"),
    )
    style = (element("style", Markup(stylesheet())),) if alone else ()
    drawing = element(
        "svg",
        *told,
        *style,
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        class_="pic",
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
        role="img" if alone else "group",
        aria_labelledby=f"{key}-title",
        aria_describedby=f"{key}-desc",
    )
    return Markup(f'<?xml version="1.0" encoding="UTF-8"?>\n{drawing}\n') if alone else drawing


def text(x: float, y: float, words: str, kind: str = "", anchor: str | None = None) -> Markup:
    """Return a line of text. anchor: `middle` or `end`; begins at x otherwise."""
    return element("text", words, x=x, y=y, class_=kind or None, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, kind: str = "") -> Markup:
    """Return a straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind or None)
