"""An explanation as a page: the words of a text marked, or the picture."""

import base64
import io
from html import escape
from typing import TYPE_CHECKING

from ts_sdk.explain.picture import method_text, score_text, word_colours

if TYPE_CHECKING:
    from ts_sdk.explain.explanation import Explanation

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 17px/2 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; color: #202124 }}
h1 {{ font-size: 1.3rem; margin: 0; line-height: 1.4 }}
p.method {{ color: #6e7176; font-size: .85rem; margin: 0 0 1rem }}
mark {{ border-radius: 4px; padding: .15em .3em; color: inherit }}
img {{ max-width: 100% }}
</style>
</head>
<body>
<h1>{title}</h1>
<p class="method">{method}. Red speaks for it, blue against it.</p>
{content}
</body>
</html>
"""


def page_of(explanation: "Explanation") -> str:
    """A whole HTML page, which needs nothing else."""
    title = f"{explanation.target.name}: {score_text(explanation)}"
    content = _image(explanation) if explanation.words is None else _marked(explanation)
    return _PAGE.format(
        title=escape(title), method=escape(method_text(explanation)), content=content
    )


def _marked(explanation: "Explanation") -> str:
    words = zip(
        explanation.words or (),
        explanation.attributions.tolist(),
        word_colours(explanation),
        strict=True,
    )
    marked = [
        f'<mark style="background: rgb{colour}" title="{value:+.4g}">{escape(word)}</mark>'
        for word, value, colour in words
    ]
    return f"<p>{' '.join(marked)}</p>"


def _image(explanation: "Explanation") -> str:
    file = io.BytesIO()
    explanation.draw().save(file, "PNG")
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}">'
