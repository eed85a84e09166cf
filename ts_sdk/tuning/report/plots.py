"""The report's plots, as SVG, through matplotlib."""

import io
import re
from typing import TYPE_CHECKING, Any

from ts_sdk.tuning.measurement import PHASES
from ts_sdk.tuning.report import TuningReport
from ts_sdk.tuning.space import Candidate

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

_SIZE_INCHES = (8.5, 4.6)
_MOST_CURVES = 6
_MOST_BARS = 8
_SETTINGS = {
    "svg.fonttype": "none",  # text stays text
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "axes.axisbelow": True,
}
_COLOURS = {
    "queue": "#b8b8b8",
    "preprocess": "#4c9be8",
    "inference": "#e8894c",
    "postprocess": "#5cb574",
}
_BEST, _OTHER, _TARGET = "#c0392b", "#5b7ea6", "#444444"
_CURVES = ("#1f77b4", "#e8894c", "#5cb574", "#9467bd", "#8c6d4f", "#7f7f7f")
"""None of them is like that of the best."""
_METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)


def plots_of(report: TuningReport) -> dict[str, str]:
    """Title → an SVG element, for what there is to draw.

    Raises:
        ImportError: matplotlib is not installed.
    """
    drawings: dict[str, Callable[[Any], None]] = {}
    shown = [each for each in report.ordered if report.measured[each].answered]
    if shown:
        drawings["Throughput against p99"] = lambda axes: _draw_front(axes, report, shown)
        drawings["Latencies"] = lambda axes: _draw_latencies(axes, report, shown[:_MOST_CURVES])
    timed = [each for each in shown if report.measured[each].phases_ms]
    if timed:
        drawings["Time by phase"] = lambda axes: _draw_phases(axes, report, timed[:_MOST_BARS])
    return {title: _svg(title, draw) for title, draw in drawings.items()}


def _svg(title: str, draw: "Callable[[Axes], None]") -> str:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    file = io.StringIO()
    # Names inside of the picture must differ from those of the page's other pictures.
    settings: Any = {**_SETTINGS, "svg.hashsalt": title}
    with mpl.rc_context(settings):
        figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
        draw(figure.add_subplot())
        figure.savefig(file, format="svg", metadata={"Date": None})
    text = _METADATA.sub("", file.getvalue())
    element = text[text.index("<svg") :]
    return re.sub(
        r'(<svg[^>]*?) width="[^"]*"', rf'\1 role="img" aria-label="{title}"', element, count=1
    )


def _draw_front(axes: "Axes", report: TuningReport, shown: list[Candidate]) -> None:
    measured = report.measured
    points = {each: (measured[each].p99_ms, measured[each].throughput_rps) for each in shown}
    others = [points[each] for each in shown if each != report.best]
    if others:
        p99s_ms, rates = zip(*others, strict=True)
        axes.scatter(p99s_ms, rates, s=26, color=_OTHER, alpha=0.7, label="measured")
    front = [points[each] for each in report.pareto() if each in points]
    if len(front) > 1:
        p99s_ms, rates = zip(*front, strict=True)
        axes.step(p99s_ms, rates, where="post", color=_OTHER, lw=1.2, label="Pareto front")
    if report.baseline in points and report.baseline != report.best:
        axes.scatter(
            *points[report.baseline], s=70, marker="D", color="#222222", label="as it is", zorder=4
        )
    if report.best in points:
        axes.scatter(*points[report.best], s=130, marker="*", color=_BEST, label="best", zorder=5)
    _draw_target(axes, report)
    axes.set_xscale("log")
    _plain_ticks(axes)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("p99 latency, ms")
    axes.set_ylabel("requests per second")
    axes.legend(loc="best", frameon=False)


def _draw_latencies(axes: "Axes", report: TuningReport, shown: list[Candidate]) -> None:
    percents = range(101)
    colours = iter(_CURVES)
    for each in shown:
        quantiles_ms = report.measured[each].quantiles_ms
        is_best = each == report.best
        axes.plot(
            quantiles_ms,
            percents,
            color=_BEST if is_best else next(colours),
            lw=2.2 if is_best else 1.1,
            label=each.name,
            zorder=5 if is_best else 3,
        )
    for open_loop in [each for each in report.arrivals if each.answered][-1:]:
        axes.plot(
            open_loop.quantiles_ms,
            percents,
            color=_BEST,
            ls=":",
            label=f"best, {open_loop.rate_rps or 0:.0f} arrivals a second",
        )
    _draw_target(axes, report)
    axes.set_xscale("log")
    _plain_ticks(axes)
    axes.set_ylim(0, 100.5)
    axes.set_xlabel("latency, ms")
    axes.set_ylabel("percent of the requests")
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.16), frameon=False, fontsize="small", ncols=1
    )


def _draw_phases(axes: "Axes", report: TuningReport, shown: list[Candidate]) -> None:
    bars = [each.name for each in shown]
    ends = [0.0] * len(shown)
    for phase in PHASES:
        widths = [report.measured[each].phases_ms.get(phase, 0.0) for each in shown]
        axes.barh(bars, widths, left=ends, color=_COLOURS[phase], label=phase, height=0.62)
        ends = [end + width for end, width in zip(ends, widths, strict=True)]
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", labelsize="small", length=0)
    axes.set_xlabel("ms of a request, on average")
    # Below the figure, since the names of settings leave the axes half of its width.
    axes.figure.legend(loc="outside lower center", frameon=False, ncols=len(PHASES))


def _draw_target(axes: "Axes", report: TuningReport) -> None:
    target = report.objective.p99_ms
    if target is not None:
        axes.axvline(target, color=_TARGET, ls="--", lw=1.2, label=f"target, {target:g} ms")


def _plain_ticks(axes: "Axes") -> None:
    """Numbers in place of powers of ten, also where the axis spans less than one."""
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 5.0, 7.0)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter("")
