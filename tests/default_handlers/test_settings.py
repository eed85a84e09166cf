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
        settings.per_channel("mean", (0.5, 0.5, 0.5)),
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
        ("mean", [0.5, 0.5], "a list of three numbers"),
        ("mean", 0.5, "a list of three numbers"),
        ("mean", [0.5, 0.5, float("nan")], "a list of three numbers"),
        ("mean", [0.5, 0.5, "0.5"], "a list of three numbers"),
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
