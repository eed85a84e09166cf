"""Text becomes the words that TorchServe's handler made of it: the expected ones are its own."""

import pytest

from default_handlers import TextHandler
from default_handlers.contractions import EXPANSIONS, expand_contractions
from default_handlers.words import basic_english, ngrams, without_accents, without_html

MANY = 300_000
"""Characters of which anything slower than in proportion to the text would take minutes."""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I'm sure it's won't work, isn't it?", "i am sure it is will not work is not it"),
        ("<p>Café &amp; crème<br />brûlée</p>", "cafe cremebrulee"),
        ("Ain't no sunshine 'cause she's gone", "as not no sunshine ecause she is gone"),
        (
            "We couldn't've known; y'all'd say so's we let's go at 5 o'clock",
            "we could notve known you alld say so as we let us go at 5 of the clock",
        ),
        ("He'd've said “don\u2019t” … rock'n'roll", "he wouldve said dont rocknroll"),
        ("U.S.A. (3.14) a/b x_y e-mail me@x.org", "usa 314 ab xy email mexorg"),
        ("1 < 2 and 3 > 2", "1 2"),
        ("a <b\nc> d", "a b c d"),
        ("&lt;b&gt; &AMP; &#39; &#x27; &nbsp", "b amp nbsp"),
        ("&am<b>p; <a title='&amp;'>", "amp"),
        ("naïve ﬁne \u2163 ½ \u212b 中文 😀 e\u0301", "naive fine iv 12 a e"),
        (
            "Who'd think they'll, they've, they're or there'll?",
            "whod think they will they have they are or therell",
        ),
        ("can't can't've shan't sha'n't", "cannot cannotve shall not shall not"),
        ("it's the bit's edge", "it is the bit is edge"),
        ("\ttabs\tand\xa0spaces \u2028 lines\n", "tabs and spaces lines"),
        ("<<<>>>", ""),
        ("", ""),
    ],
)
def test_a_text_is_split_into_the_words_that_torchserve_made_of_it(text, words):
    assert TextHandler().words_of(text) == words.split()


@pytest.mark.parametrize(
    ("contraction", "meaning"),
    [
        ("don't", "do not"),
        ("Can't", "Cannot"),
        ("I'D", "I would"),
        ("HOW'S it", "How is it"),
        ("o'clock", "of the clock"),
        ("they're", "they are"),
        ("would've", "would have"),
        ("\u017fo've", "\u017fo've"),  # the long s is no s
    ],
)
def test_contractions_are_written_out_and_their_first_character_stays(contraction, meaning):
    assert expand_contractions(contraction) == meaning


def test_no_contraction_has_a_space_in_it():
    """A text is looked through word by word."""
    assert not [each for each in EXPANSIONS if " " in each]


def test_contractions_are_found_beside_every_other_space():
    text = "it's\tdon't\nxit'sx\u00a0can't  it's"
    assert expand_contractions(text) == "it is\tdo not\nxit isx\u00a0cannot  it is"


def test_no_contraction_begins_with_another():
    """Else which of them is found would depend on their order."""
    starts = [(a, b) for a in EXPANSIONS for b in EXPANSIONS if a != b and b.startswith(a)]
    assert starts == []


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        (
            'Don\'t say "No!", (please); ok: yes? 3.5<br />new',
            "don ' t say no ! , ( please ) ok yes ? 3 . 5 new",
        ),
        ("A'b", "a ' b"),
        ('x<br "/>y', "x y"),
        ("", ""),
    ],
)
def test_the_tokenizer_alone_keeps_marks_as_torchtexts_did(text, tokens):
    assert basic_english(text) == tokens.split()


@pytest.mark.parametrize(
    ("longest", "groups"),
    [
        (0, ["a", "b", "c"]),
        (1, ["a", "b", "c"]),
        (2, ["a", "b", "c", "a b", "b c"]),
        (3, ["a", "b", "c", "a b", "b c", "a b c"]),
        (9, ["a", "b", "c", "a b", "b c", "a b c"]),
    ],
)
def test_neighbours_are_grouped_behind_the_words(longest, groups):
    assert list(ngrams(["a", "b", "c"], longest)) == groups


def test_nothing_has_no_groups():
    assert list(ngrams([], 2)) == []


@pytest.mark.parametrize("hostile", ["<", "<a ", "&", "&a", "<\n<", "<&"])
def test_tags_that_never_end_are_no_burden(hostile):
    text = hostile * MANY
    assert without_html(text) == text


@pytest.mark.parametrize("hostile", ["\u0301\u0316", "e\u0316\u0301"])
def test_marks_out_of_order_are_no_burden(hostile):
    assert without_accents(hostile * MANY) == hostile[0].replace("\u0301", "") * MANY
