"""``report.html``: one file with everything in it, the plots too."""

from collections.abc import Sequence
from html import escape

from ts_sdk.tuning.report import TuningReport
from ts_sdk.tuning.report.markdown import arrival_rows, facts, measured_rows, notes
from ts_sdk.tuning.report.sentences import remarks, verdict

_STYLE = """\
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
p.verdict { font-size: 1.1rem; border-left: 4px solid #5cb574; padding-left: .8rem; }
p.verdict.missed { border-color: #c0392b; }
div.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; }
th, td { text-align: left; padding: .25rem .7rem .25rem 0; border-bottom: 1px solid #e4e4e4;
  vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
tr.best td { font-weight: 600; }
svg { width: 100%; height: auto; }
"""
_NO_PLOTS = "The plots need matplotlib: pip install 'ts-sdk[tune]'."


def html_text(report: TuningReport) -> str:
    """The page."""
    version = f" {report.version}" if report.version else ""
    title = escape(f"Tuning of {report.name}{version}")
    kind = "verdict" if report.met else "verdict missed"
    body = [
        f"<h1>{title}</h1>",
        f'<p class="{kind}">{escape(verdict(report))}</p>',
        *(f"<p>{escape(each)}</p>" for each in remarks(report)),
        *_plots(report),
        "<h2>Measured</h2>",
        _table(*measured_rows(report), best=report.best is not None),
        *(f"<p>{escape(each)}</p>" for each in notes(report)),
    ]
    if report.arrivals:
        body += ["<h2>Arrivals at random times</h2>", _table(*arrival_rows(report))]
    if report.excluded:
        rows = [(each.what, each.reason) for each in report.excluded]
        body += ["<h2>Excluded</h2>", _table(("what", "why"), rows)]
    body += ["<h2>What was asked, and where it ran</h2>", _table((), facts(report))]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        f"<title>{title}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _plots(report: TuningReport) -> list[str]:
    from ts_sdk.tuning.report.plots import plots_of

    try:
        plots = plots_of(report)
    except ImportError:
        return [f"<p>{escape(_NO_PLOTS)}</p>"]
    return [
        part
        for title, picture in plots.items()
        for part in (f"<h2>{escape(title)}</h2>", f"<figure>{picture}</figure>")
    ]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], *, best: bool = False) -> str:
    lines = []
    if header:
        cells = "".join(f"<th>{escape(each)}</th>" for each in header)
        lines.append(f"<thead><tr>{cells}</tr></thead>")
    lines.append("<tbody>")
    for place, row in enumerate(rows):
        kind = ' class="best"' if best and place == 0 else ""
        lines.append(f"<tr{kind}>{''.join(map(_cell, row))}</tr>")
    lines.append("</tbody>")
    return f'<div class="wide"><table>{"".join(lines)}</table></div>'


def _cell(text: str) -> str:
    kind = ' class="number"' if text.replace(".", "", 1).rstrip("%").isdigit() else ""
    return f"<td{kind}>{escape(text)}</td>"
