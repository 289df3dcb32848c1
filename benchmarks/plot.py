"""The figures as a picture, without a plotting library: an SVG of bars."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape

from benchmarks.results import Results

WIDTH = 720
_LABEL, _BAR, _STEP, _HEAD, _GAP = 190, 400, 26, 34, 18
_COLOURS = {"canonical": "#9aa5b1", "target-spotzee": "#2f6fde", "bare loop": "#52a675"}


@dataclass(frozen=True)
class Panel:
    """A group of bars on one scale.

    Attributes:
        title: What is measured.
        bars: Label, whose it is, how much, and how that reads.
    """

    title: str
    bars: list[tuple[str, str, float, str]]

    @property
    def height(self) -> int:
        """In pixels."""
        return _HEAD + _STEP * len(self.bars) + _GAP


def panels(results: Results) -> list[Panel]:
    """Choose what is worth a picture."""
    rates = [
        (f"{run.what}, {latency} ms", run.what, run.per_second, f"{run.per_second:,.0f}")
        for latency in results.ours
        for run in (results.canonical[latency], results.ours[latency])
    ]
    costs = [
        (run.what, run.what, run.us_per_record, f"{run.us_per_record:.1f}")
        for run in (results.canonical[0], results.ours[0], results.floor)
    ]
    return [
        Panel("Users a second, by the latency of a request", rates),
        Panel("CPU a record in µs, whole process", costs),
    ]


def svg(panels: list[Panel]) -> str:
    """Draw panels one below the other."""
    height = sum(panel.height for panel in panels) + _GAP
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
        f' viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" font-size="13">'
    )
    background = f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    return "\n".join([head, background, *_draw(panels), "</svg>\n"])


def _draw(panels: list[Panel]) -> Iterator[str]:
    top = _GAP
    for panel in panels:
        yield (
            f'<text x="16" y="{top + 14}" font-weight="600" fill="#1f2933">'
            f"{escape(panel.title)}</text>"
        )
        largest = max(amount for _, _, amount, _ in panel.bars)
        for place, (label, whose, amount, reading) in enumerate(panel.bars):
            y = top + _HEAD + _STEP * place
            width = max(1.0, _BAR * amount / largest)
            yield (
                f'<text x="{_LABEL}" y="{y + 13}" text-anchor="end" fill="#3e4c59">'
                f"{escape(label)}</text>"
                f'<rect x="{_LABEL + 10}" y="{y}" width="{width:.1f}" height="18" rx="2"'
                f' fill="{_COLOURS[whose]}"/>'
                f'<text x="{_LABEL + 18 + width:.1f}" y="{y + 13}" fill="#1f2933">'
                f"{escape(reading)}</text>"
            )
        top += panel.height
