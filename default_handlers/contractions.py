"""English contractions, written out: "don't" becomes "do not".

TorchServe's text handler knew these words and no others, and vocabularies were made with it, so
that a word more would change answers. Of a double contraction it wrote out the first alone:
"couldn't've" becomes "could not've".
"""

import re

_BEFORE_NOT = (
    "are could did do does had has have is may might must need ought should was were would"
)
_ENDINGS: dict[str, tuple[str, str]] = {
    "'m": ("am", "i"),
    "'re": ("are", "they we what you"),
    "'s": ("is", "he how it she that there what when where who why"),
    "'d": ("would", "he i it she that there they we you"),
    "'ll": ("will", "he how i it she they we what who you"),
    "'ve": (
        "have",
        "could i might must should so they to we what when where who why will would you",
    ),
}
"""Ending → the word that it stands for, and the words that it may follow."""

_IRREGULAR = {
    "ain't": "is not",
    "can't": "cannot",
    "shan't": "shall not",
    "sha'n't": "shall not",
    "won't": "will not",
    "how'd": "how did",
    "where'd": "where did",
    "let's": "let us",
    "so's": "so as",
    "y'all": "you all",
    "ma'am": "madam",
    "o'clock": "of the clock",
    "'cause": "because",
}

EXPANSIONS: dict[str, str] = {
    **{f"{word}n't": f"{word} not" for word in _BEFORE_NOT.split()},
    **{
        f"{word}{ending}": f"{word} {meaning}"
        for ending, (meaning, words) in _ENDINGS.items()
        for word in words.split()
    },
    **_IRREGULAR,
}
"""Contraction → what it stands for, in lower case."""

# ASCII: else the long s of old print would pass for an "s".
_ANY = re.compile("|".join(map(re.escape, EXPANSIONS)), re.IGNORECASE | re.ASCII)


def expand_contractions(text: str) -> str:
    """*text* with its contractions written out, also inside of longer words.

    The first character stays as it is, as it did in TorchServe: a capital letter is kept, and
    "ain't" becomes "as not".
    """
    if "'" not in text:
        return text
    # Word by word, since no contraction has a space in it: the pattern is slow, and few have any.
    words = text.split(" ")
    return " ".join([_ANY.sub(_expanded, word) if "'" in word else word for word in words])


def _expanded(match: re.Match[str]) -> str:
    found = match[0]
    return found[0] + EXPANSIONS[found.lower()][1:]
