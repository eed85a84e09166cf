"""Settings are checked all at once; what belongs to the user's handler is left alone."""

import pytest

from default_handlers.settings import Settings
from ts_sdk.errors import ConfigError

WORDS = ("bilinear", "bicubic")


def read(section):
    settings = Settings(section)
    values = (
        settings.whole("topk", 5),
        settings.switch("fast_decode", default=False),
        settings.word("interpolation", "bilinear", WORDS),
        settings.per_channel("mean", (0.5, 0.5, 0.5), "red, green and blue"),
    )
    settings.check()
    return values


def test_what_is_not_set_has_its_default():
    assert read({}) == (5, False, "bilinear", (0.5, 0.5, 0.5))


def test_what_is_set_is_taken():
    section = {"topk": 1, "fast_decode": True, "interpolation": "bicubic", "mean": [0, 1, 0.5]}
    assert read(section) == (1, True, "bicubic", (0.0, 1.0, 0.5))


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("topk", 0, "a whole number of at least 1, not 0"),
        ("topk", 2.0, "a whole number of at least 1, not 2.0"),
        ("topk", True, "a whole number of at least 1, not True"),
        ("topk", "five", "a whole number of at least 1, not 'five'"),
        ("topk", None, "a whole number of at least 1, not None"),
        ("fast_decode", "yes", "true or false, not 'yes'"),
        ("fast_decode", 1, "true or false, not 1"),
        ("interpolation", "lanczos", "one of bilinear, bicubic, not 'lanczos'"),
        ("interpolation", "bicubc", r"one of bilinear, bicubic \(did you mean bicubic\?\)"),
        ("mean", [0.5, 0.5], "a list of 3 numbers, for red, green and blue"),
        ("mean", 0.5, "a list of 3 numbers, for red, green and blue"),
        ("mean", [0.5, 0.5, float("nan")], "a list of 3 numbers, for red, green and blue"),
        ("mean", [0.5, 0.5, "0.5"], "a list of 3 numbers, for red, green and blue"),
    ],
)
def test_a_wrong_value_is_refused_with_what_was_wanted(name, value, wanted):
    with pytest.raises(ConfigError, match=f"section handler: {name} must be {wanted}"):
        read({name: value})


@pytest.mark.parametrize("value", [0, 0.25, 1, 1.0])
def test_a_fraction_is_a_number_from_0_to_1(value):
    settings = Settings({"threshold": value})
    assert settings.fraction("threshold", 0.5) == value
    settings.check()


@pytest.mark.parametrize("value", [-0.1, 1.1, 50, float("nan"), True, "0.5", None, [0.5]])
def test_anything_else_is_no_fraction(value):
    settings = Settings({"threshold": value})
    assert settings.fraction("threshold", 0.5) == 0.5
    with pytest.raises(ConfigError, match="threshold must be a number from 0 to 1, not "):
        settings.check()


@pytest.mark.parametrize(
    ("section", "value"), [({}, None), ({"topk": None}, None), ({"topk": 2}, 2)]
)
def test_a_number_without_a_default_may_be_none(section, value):
    settings = Settings(section)
    assert settings.whole("topk", None) == value
    settings.check()


@pytest.mark.parametrize("value", [None, "none"])
def test_none_is_a_word_and_yamls_null(value):
    settings = Settings({"nms": value, "resize": value, "max_boxes": value, "classes": value})
    assert settings.fraction_or_none("nms", 0.5) is None
    assert settings.sides("resize", 256) is None
    assert settings.whole_or_none("max_boxes", 3) is None
    assert settings.classes("classes", ["cat"], {"0": "cat"}) is None
    settings.check()


@pytest.mark.parametrize(("value", "sides"), [(9, 9), ([20, 30], (20, 30))])
def test_sides_are_one_number_or_height_and_width(value, sides):
    settings = Settings({"crop": value})
    assert settings.sides("crop", None) == sides
    settings.check()


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (lambda settings: settings.sides("it", 3), "a list of height and width, or none"),
        (lambda settings: settings.whole_or_none("it", 3), "a whole number of at least 1, or none"),
        (lambda settings: settings.fraction_or_none("it", 0.5), "a number from 0 to 1, or none"),
        (lambda settings: settings.classes("it", None, {}), "a list of class names or numbers"),
    ],
)
@pytest.mark.parametrize("value", [-1, [], [1, 2, 3, -4], True, "wide", {}])
def test_what_is_none_of_these_is_refused(read, words, value):
    settings = Settings({"it": value})
    if value == [1, 2, 3, -4] and "class" in words:
        words = "there is no class -4"
    read(settings)
    with pytest.raises(ConfigError, match=words):
        settings.check()


def test_a_single_channel_has_a_single_number():
    settings = Settings({"mean": 0.5, "std": [0.25]})
    assert settings.per_channel("mean", (0.0,), "grey") == (0.5,)
    assert settings.per_channel("std", (1.0,), "grey") == (0.25,)
    settings.check()


NAMES = {"0": "cat", "1": "dog", "5": "dog", "6": "7"}


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [(["cat"], {0}), (["dog", 9], {1, 5, 9}), (["8"], {8}), (["7"], {6}), ([0, "cat"], {0})],
)
def test_classes_are_given_by_name_or_number(wanted, numbers):
    settings = Settings({"classes": wanted})
    assert settings.classes("classes", None, NAMES) == numbers
    settings.check()


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (NAMES, r"classes: there is no class 'dgo'; did you mean 'dog'\?"),
        ({"0": "tench"}, "no class 'dgo': index_to_name.json has no such name"),
        (None, "index_to_name.json is not in the archive"),
    ],
)
def test_a_class_that_is_not_there_is_refused(names, words):
    settings = Settings({"classes": ["dgo"]})
    settings.classes("classes", None, names)
    with pytest.raises(ConfigError, match=words):
        settings.check()


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [("top_k", "topk"), ("fastdecode", "fast_decode"), ("interpolaton", "interpolation")],
)
def test_a_misspelt_name_is_refused_with_the_right_one(misspelt, meant):
    with pytest.raises(ConfigError, match=rf"{misspelt} is not a setting; did you mean {meant}\?"):
        read({misspelt: 1})


@pytest.mark.parametrize(
    "name", ["model_path", "profile", "tokenizer", "max_length", "my_topk", "mean_of_both", 7]
)
def test_a_name_of_the_users_own_is_left_alone(name):
    assert read({name: object()})


@pytest.mark.parametrize("name", ["iou_threshold", "nms_threshold", "score_threshold"])
def test_a_name_with_a_word_more_is_no_misspelling(name):
    settings = Settings({name: 0.3})
    assert settings.fraction("threshold", 0.5) == 0.5
    settings.check()


def test_all_problems_are_raised_at_once():
    with pytest.raises(ConfigError) as refusal:
        read({"topk": 0, "top_k": 3, "mean": 1})
    assert len(refusal.value.problems) == 3


def test_what_is_given_is_told_apart_from_defaults():
    assert Settings({"topk": 5, "x": 1}).given(["mean", "topk"]) == ["topk"]


def test_a_setting_outside_of_the_section_is_warned_of(caplog):
    """It might be meant for a subclass that reads the whole file, so it is no error."""
    settings = Settings({"mean": [0, 0, 0]}, beside={"topk": 2, "batchSize": 4, "handler": {}})
    assert settings.whole("topk", 5) == 5
    settings.check()
    (record,) = caplog.records
    assert "topk has no effect outside of the section handler" in record.getMessage()
