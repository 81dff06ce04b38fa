"""The report as one HTML file that needs nothing else: Plotly is in it (4.8 MB)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from streams.reporting.sections import Section

Answer = tuple[Sequence[str], Sequence[Sequence[Any]]]
"""Names of columns, and rows."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_FEW_COLUMNS = 3
"""As many fit a phone; the rows of a wider table are stacked there."""
_PLATFORMS = {"facebook": "Messenger", "instagram": "Instagram", "x": "X"}
_HEADINGS = {f"{name}_count": title for name, title in _PLATFORMS.items()} | {
    "p90_seconds": "90 % within"
}
_GRID = "rgba(128,128,128,0.25)"
_STYLE = """
:root { color-scheme: light dark; --ground: #fff; --ink: #1b1f27; --soft: #5b6472; --line: #dfe3e9; }
@media screen and (prefers-color-scheme: dark) { :root { --ground: #12151b; --ink: #e8ebf0; --soft: #a3acba; --line: #323844; } }
body { background: var(--ground); font: 15px/1.5 system-ui, sans-serif; color: var(--ink); max-width: 1000px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2.2rem 0 .2rem; border-top: 1px solid var(--line); padding-top: 1.2rem; }
p.meaning, p.made { color: var(--soft); margin: 0 0 .7rem; font-size: .88rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .88rem; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; } th { color: var(--soft); font-weight: 500; }
summary { cursor: pointer; color: var(--soft); font-size: .85rem; } p.none { color: var(--soft); font-style: italic; }
p.meaning b { font-weight: 600; color: var(--ink); } .scale { color: var(--soft); font-size: .82rem; margin: .2rem 0 .7rem 50px; }
.scale i { display: inline-block; width: 9rem; height: .7em; margin: 0 .5em; border: 1px solid var(--line); background: linear-gradient(to right, rgba(29,95,208,0), rgb(29,95,208)); print-color-adjust: exact; }
.plotly text { fill: var(--soft) !important; }
@media screen and (max-width: 560px) {
  .stacks, .stacks tbody, .stacks tr { display: block; } .stacks thead { display: none; }
  .stacks tr { padding: .4rem 0; border-bottom: 1px solid var(--line); }
  .stacks td, .stacks td:first-child { display: flex; justify-content: space-between; gap: 1rem; padding: .1rem 0; border: 0; text-align: right; }
  .stacks td::before { content: attr(data-label); color: var(--soft); }
}
@media print { h2 { break-after: avoid; } details { display: none; } }
"""


def page(
    *,
    profile: str,
    month: str,
    made_at: datetime,
    answers: Sequence[tuple[Section, Answer]],
    meanings: Mapping[str, str],
) -> str:
    """`meanings`: definitions by metric, of every metric that a section names."""
    parts = [
        _section(number, section, answer, meanings)
        for number, (section, answer) in enumerate(answers)
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(profile)}, {escape(month)}</title><style>{_STYLE}</style>"
        f"<script>{get_plotlyjs()}</script></head><body>"
        f"<h1>{escape(profile)}, {escape(month)}</h1><p class='made'>The month and its days are "
        f"UTC's. Made by dmstream at {made_at:%Y-%m-%d %H:%M} UTC.</p>{''.join(parts)}</body></html>"
    )


def _section(number: int, section: Section, answer: Answer, meanings: Mapping[str, str]) -> str:
    names, rows = answer
    head = f"<h2>{escape(section.title)}</h2>{_caption(section, meanings)}"
    if section.is_empty(rows):
        return f"{head}<p class='none'>Nothing in this month.</p>"
    if section.draw is None:
        return head + _table(names, rows)
    plot = _plot(section.draw(rows), f"plot-{number}")
    if section.has_scale:
        plot += _scale(max(row[-1] for row in rows))
    table = _table(names, rows)
    if section.folded:
        table = f"<details><summary>as a table</summary>{table}</details>"
    return head + plot + table


def _caption(section: Section, meanings: Mapping[str, str]) -> str:
    """Each definition once, after the columns that it is about."""
    columns: dict[str, list[str]] = {}
    for column, metric in section.explained.items():
        columns.setdefault(metric, []).append(_heading(column))
    told = [
        f"<b>{escape(', '.join(names))}</b>: {escape(meanings[metric])}"
        for metric, names in columns.items()
    ]
    told += [escape(section.note)] if section.note else []
    return f"<p class='meaning'>{'<br>'.join(told)}</p>"


def _scale(most: int) -> str:
    return f"<p class='scale'>0<i></i>{most:,} in the busiest hour</p>"


def _plot(figure: go.Figure, name: str) -> str:
    figure.update_layout(
        template="plotly_white", height=300, margin={"l": 50, "r": 10, "t": 10, "b": 40},
        # The page shows through, light or dark: colours that are read on both.
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", font_color="#7a8494",
        legend={"orientation": "h", "y": -0.18},
    )  # fmt: skip
    figure.update_xaxes(gridcolor=_GRID, zerolinecolor=_GRID)
    figure.update_yaxes(gridcolor=_GRID, zerolinecolor=_GRID, rangemode="tozero")
    html: str = figure.to_html(
        full_html=False, include_plotlyjs=False, div_id=name,
        config={"displayModeBar": False, "responsive": True},
    )  # fmt: skip
    return html


def _table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    head = "".join(f"<th scope='col'>{escape(_heading(name))}</th>" for name in names)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td data-label='{escape(_heading(name))}'>{escape(_cell(name, cell))}</td>"
            for name, cell in zip(names, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    stacks = " class='stacks'" if len(names) > _FEW_COLUMNS else ""
    return f"<div class='scroll'><table{stacks}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _heading(name: str) -> str:
    return _HEADINGS.get(name, name.removesuffix("_seconds").replace("_", " "))


def _cell(name: str, value: Any) -> str:
    """By the column's name, which says the unit."""
    if value is None:
        return "\N{EN DASH}"
    if name.endswith("_share"):
        return f"{value:,.1%}"
    if name.endswith("_seconds"):
        return _duration(round(value))
    if name == "platform":
        return _PLATFORMS.get(value, str(value))
    if name in {"kind", "became"}:
        return str(value).replace("_", " ")
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _duration(seconds: int) -> str:
    """The two largest units, as on the dashboard: 3 d 03 h, 5 h 14 min, 27 min, 12 s."""
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min"
    if seconds < 2 * _DAY:
        return f"{seconds // _HOUR} h {seconds % _HOUR // _MINUTE:02} min"
    return f"{seconds // _DAY} d {seconds % _DAY // _HOUR:02} h"
