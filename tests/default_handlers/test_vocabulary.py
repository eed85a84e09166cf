"""`source_vocab.pt` in each of its shapes, and what is said of all others."""

import sys
import types
from collections import Counter, OrderedDict, defaultdict

import pytest
import torch

from default_handlers.vocabulary import Vocabulary, read_vocabulary
from ts_sdk.errors import ConfigError, ModelFormatError, UnsafeWeightsError

WORDS = {"<unk>": 0, "the": 1, "cat": 2, "the cat": 3}


@pytest.fixture
def saved(tmp_path):
    """Save an object as a vocabulary; gives the file's path."""

    def saved(content):
        path = tmp_path / "source_vocab.pt"
        torch.save(content, path)
        return path

    return saved


@pytest.fixture
def torchtext(monkeypatch):
    """A package of this name with a vocabulary, as an old environment has it."""
    package = types.ModuleType("torchtext")
    module = types.ModuleType("torchtext.vocab")

    class Vocab:
        def __init__(self, stoi):
            self.stoi = stoi

        def __getitem__(self, token):
            if token not in self.stoi:
                raise RuntimeError(f"Token {token} not found and default index is not set")
            return self.stoi[token]

    Vocab.__module__, Vocab.__qualname__ = "torchtext.vocab", "Vocab"
    module.Vocab = package.vocab = Vocab
    monkeypatch.setitem(sys.modules, "torchtext", package)
    monkeypatch.setitem(sys.modules, "torchtext.vocab", module)
    return Vocab


@pytest.mark.parametrize(
    "content",
    [WORDS, OrderedDict(WORDS), Counter(WORDS), list(WORDS), tuple(WORDS)],
    ids=lambda content: type(content).__name__,
)
def test_dicts_and_lists_give_each_word_its_number(saved, content):
    vocabulary = read_vocabulary(saved(content))
    assert vocabulary == WORDS
    assert vocabulary["the cat"] == 3


def test_a_word_that_is_not_there_has_the_number_of_unknown_words():
    assert Vocabulary(WORDS)["dog"] == 0
    assert Vocabulary({"the": 0, "<unk>": 7})["dog"] == 7
    assert Vocabulary(WORDS).get("dog") is None


def test_without_an_entry_for_unknown_words_they_are_an_error():
    with pytest.raises(KeyError, match="dog"):
        Vocabulary({"the": 0})["dog"]
    with pytest.raises(KeyError, match="<unk>"):
        Vocabulary({"the": 0})["<unk>"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, "holds no words"),
        ([], "holds no words"),
        ({"the": -1}, "has the entry 'the': -1, but must hold a dict of word to number"),
        ({"the": 1.5}, "has the entry 'the': 1.5"),
        ({"the": True}, "has the entry 'the': True"),
        ({7: 1}, "has the entry 7: 1"),
        ([1, 2], "has the entry 1: 0"),
        ({"weight": torch.zeros(2)}, "has the entry 'weight': tensor"),
        (torch.zeros(2), "holds a Tensor; it must hold a dict of word to number, or a list"),
        ("the cat", "holds a str"),
    ],
)
def test_what_is_no_vocabulary_is_refused_with_what_was_expected(saved, content, words):
    with pytest.raises(ConfigError, match=words):
        read_vocabulary(saved(content))


def test_no_file_says_how_to_add_one(tmp_path):
    with pytest.raises(ConfigError, match=r"does not hold source_vocab\.pt.*--extra-files"):
        read_vocabulary(tmp_path / "source_vocab.pt")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04cut off", b"[UNK]\nthe\ncat\n", b"\x80\x02"])
def test_a_damaged_file_is_said_to_be_damaged(tmp_path, content):
    path = tmp_path / "source_vocab.pt"
    path.write_bytes(content)
    with pytest.raises(ModelFormatError, match=r"source_vocab\.pt is damaged"):
        read_vocabulary(path)


def conversion_in(message):
    """The program that a message shows."""
    return "\n".join(line.strip() for line in message.splitlines() if line.startswith("    "))


def test_a_vocabulary_of_torchtext_is_refused_with_the_program_that_converts_it(
    saved, torchtext, monkeypatch
):
    path = saved(torchtext(WORDS))
    with pytest.raises(UnsafeWeightsError, match="pickled vocabulary of torchtext") as caught:
        read_vocabulary(path)
    assert caught.value.globals == ("torchtext.vocab.Vocab",)

    # The torch of those days read pickles without being asked to.
    load = torch.load
    monkeypatch.setattr(torch, "load", lambda name: load(name, weights_only=False))
    monkeypatch.chdir(path.parent)
    exec(conversion_in(str(caught.value)), {})  # noqa: S102 - what a user would run
    monkeypatch.undo()
    assert read_vocabulary(path) == WORDS


def test_a_vocabulary_of_newer_torchtext_is_converted_by_the_same_program(
    saved, torchtext, monkeypatch
):
    class Newer(torchtext):
        def get_stoi(self):
            return self.stoi

    Newer.__module__, Newer.__qualname__ = "torchtext.vocab", "Newer"
    sys.modules["torchtext.vocab"].Newer = Newer
    path = saved(Newer(WORDS))
    with pytest.raises(UnsafeWeightsError) as caught:
        read_vocabulary(path)
    program = conversion_in(str(caught.value))
    vocabulary = Newer(WORDS)
    names = {"vocab": vocabulary, "torch": types.SimpleNamespace(save=torch.save)}
    monkeypatch.chdir(path.parent)
    exec(program.splitlines()[2], names)  # noqa: S102 - as above
    assert read_vocabulary(path) == WORDS


def test_a_trusted_vocabulary_of_torchtext_is_used_where_torchtext_is(saved, torchtext):
    vocabulary = read_vocabulary(saved(torchtext(WORDS)), trust_pickle=True)
    assert isinstance(vocabulary, torchtext)
    assert vocabulary["cat"] == 2


def test_a_trusted_vocabulary_of_torchtext_says_that_torchtext_is_missing(saved, torchtext):
    path = saved(torchtext(WORDS))
    del sys.modules["torchtext.vocab"], sys.modules["torchtext"]
    with pytest.raises(ModelFormatError, match="torchtext, which is not installed here") as caught:
        read_vocabulary(path, trust_pickle=True)
    assert "torch.save(dict(vocab" in conversion_in(str(caught.value))


def test_another_pickle_is_refused_with_the_names_that_it_imports(saved):
    path = saved(defaultdict(int, WORDS))
    with pytest.raises(UnsafeWeightsError, match=r"collections\.defaultdict.*trust_pickle=True"):
        read_vocabulary(path)
    assert read_vocabulary(path, trust_pickle=True) == WORDS


def test_a_trusted_pickle_of_something_else_is_still_no_vocabulary(saved):
    with pytest.raises(ConfigError, match="holds a complex"):
        read_vocabulary(saved(3j), trust_pickle=True)
