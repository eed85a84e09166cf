"""The classifier's answers, with models whose answers are known in closed form."""

import json
import threading
from collections import OrderedDict, namedtuple

import pytest
import torch
from picture_corpus import encoded
from PIL import Image

from default_handlers import ImageClassifier
from default_handlers.image_classifier import class_probabilities
from ts_sdk.errors import ConfigError, HandlerContractError

ORANGE = (255, 102, 0)
PICTURE = encoded(Image.new("RGB", (30, 20), ORANGE), "PNG")
SCORES = torch.tensor([[2.0, 0.0, 1.0], [0.0, 5.0, 1.0]])
NAMES = {"0": "red", "1": "green", "2": "blue"}


def scores_model(expression):
    """A model that answers *expression* whatever it is shown."""
    lines = ("import torch", "from torch import nn", "class M(nn.Module):")
    return "\n".join((*lines, " def forward(self, pictures):", f"  return {expression}"))


def test_an_answer_is_the_softmax_of_the_models_scores(start, answer, colour_probabilities):
    (got,) = answer(start(), [{"body": PICTURE}])
    assert got == pytest.approx(colour_probabilities(ORANGE), abs=1e-6)


def test_the_most_probable_class_comes_first(start, answer):
    rows = [{"body": PICTURE}, {"body": encoded(Image.new("RGB", (9, 9), (0, 9, 99)), "PNG")}]
    answers = answer(start(names=NAMES), rows)
    assert [list(each) for each in answers] == [["red", "green", "blue"], ["blue", "green", "red"]]


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        ({"0": "red", "1": "green", "2": "blue"}, ["red", "green", "blue"]),
        (
            {"0": ["n01", "red"], "1": ["n02", "green"], "2": ["n03", "blue"]},
            ["red", "green", "blue"],
        ),
        ({"object_type_names": ["red", "green", "blue"]}, ["red", "green", "blue"]),
        ({"0": "red"}, ["red", "1", "2"]),
        (None, ["0", "1", "2"]),
    ],
    ids=["names", "ids and names", "list", "fewer names than classes", "no file"],
)
def test_labels_come_from_every_form_of_index_to_name(start, answer, names, labels):
    assert list(answer(start(names=names), [{"body": PICTURE}])[0]) == labels


def test_classes_of_one_name_are_not_lost(start, answer):
    names = {"0": "crane", "1": "crane", "2": "maillot"}
    assert list(answer(start(names=names), [{"body": PICTURE}])[0]) == [
        "crane",
        "crane (1)",
        "maillot",
    ]


def test_records_name_every_class_by_label_and_index(start, answer):
    handler = start(names={"0": "crane", "1": "crane"}, settings={"answers": "records", "topk": 2})
    (records,) = answer(handler, [{"body": PICTURE}])
    assert [(record["label"], record["index"]) for record in records] == [
        ("crane", 0),
        ("crane", 1),
    ]
    assert records[0]["probability"] > records[1]["probability"]


def test_answers_are_json(start, answer):
    answers = answer(start(names=NAMES), [{"body": PICTURE}, {"body": b""}])
    assert json.loads(json.dumps(answers)) == answers


def test_fewer_classes_than_asked_for_is_no_error(start, answer):
    assert len(answer(start(), [{"body": PICTURE}])[0]) == 3


def test_the_number_of_classes_may_be_set_in_four_ways(start, answer):
    class Best(ImageClassifier):
        topk = 1

    called = start()
    called.set_max_result_classes(1)
    assert called.get_max_result_classes() == 1
    assigned = start()
    assigned.topk = 1
    for handler in (called, assigned, start(Best), start(settings={"topk": 1})):
        assert len(answer(handler, [{"body": PICTURE}])[0]) == 1


def test_a_setting_goes_before_the_class(start):
    class Best(ImageClassifier):
        topk = 1

    assert start(Best, settings={"topk": 2}).topk == 2
    assert Best.topk == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"topk": 0}, "topk must be a whole number of at least 1, not 0"),
        ({"answers": "record"}, r"one of torchserve, records \(did you mean records\?\)"),
        ({"top_k": 3}, r"top_k is not a setting; did you mean topk\?"),
    ],
)
def test_wrong_settings_are_refused_when_the_handler_starts(start, settings, words):
    with pytest.raises(ConfigError, match=words):
        start(settings=settings)


def test_settings_of_a_users_own_are_left_to_the_user(start):
    class Own(ImageClassifier):
        pass

    handler = start(Own, settings={"threshold_of_mine": 0.3, "model_path": "x"})
    assert handler.settings["threshold_of_mine"] == 0.3


@pytest.mark.parametrize(
    "output",
    [
        SCORES,
        SCORES[:, :, None, None],
        SCORES.to(torch.float16),
        (SCORES, "auxiliary"),
        [SCORES],
        namedtuple("InceptionOutputs", ["logits", "aux_logits"])(SCORES, SCORES * 0),  # noqa: PYI024 - the shape that torchvision's models answer
        {"logits": SCORES, "loss": None},
        OrderedDict(logits=SCORES),
        type("Output", (), {"logits": SCORES})(),
    ],
    ids=lambda output: type(output).__name__,
)
def test_scores_are_found_in_what_classifiers_answer(output):
    probabilities = class_probabilities(output)
    assert probabilities.dtype == torch.float32
    assert torch.allclose(probabilities, SCORES.softmax(1), atol=1e-6)


def test_half_precision_scores_are_compared_in_float32():
    """In float16 these two would come out the same."""
    scores = torch.tensor([[0.0, 1e-4] * 512], dtype=torch.float16)
    probabilities = class_probabilities(scores)
    assert probabilities[0, 1] > probabilities[0, 0]


def test_one_score_is_that_of_class_1_against_class_0(start, answer):
    score = torch.tensor([[3.0]])
    handler = start(model=scores_model("torch.full((len(pictures), 1), 3.0)"))
    (got,) = answer(handler, [{"body": PICTURE}])
    assert list(got) == ["1", "0"]
    assert got["1"] == pytest.approx(score.sigmoid().item())
    assert got["0"] == pytest.approx(1 - score.sigmoid().item())


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (torch.zeros(4), r"a tensor of shape \(4,\)"),
        (torch.zeros(2, 3, 4, 4), r"a tensor of shape \(2, 3, 4, 4\)"),
        (torch.zeros(2, 0), r"a tensor of shape \(2, 0\)"),
        ({"out": SCORES}, "a dict with the keys 'out'"),
        ((), "a tuple"),
        ([{"boxes": SCORES}], "a list that starts with a dict with the keys 'boxes'"),
        ("cat", "a str"),
    ],
)
def test_an_output_without_scores_is_an_error_that_says_what_was_expected(output, words):
    with pytest.raises(HandlerContractError, match=f"needs a model that answers scores.*{words}"):
        class_probabilities(output)


@pytest.mark.parametrize("number", ["nan", "inf"])
def test_scores_that_are_no_numbers_fail_their_own_request_only(start, answer, number):
    model = scores_model(
        f"torch.where(pictures.mean((2, 3)) > 0.99, float('{number}'), pictures.mean((2, 3)))"
    )
    black = encoded(Image.new("RGB", (9, 9)), "PNG")
    handler = start(model=model)
    good, bad = answer(handler, [{"body": black}, {"body": PICTURE}])
    assert good == pytest.approx({"0": 1 / 3, "1": 1 / 3, "2": 1 / 3})
    assert bad["code"] == 500
    assert "NaN or infinite" in bad["message"]


def test_scores_after_a_rejected_picture_belong_to_the_right_request(start, answer):
    """Rows are counted without those that preprocessing rejected, answers with them."""
    model = scores_model("torch.where(pictures.mean((2, 3)) > 0.99, float('nan'), 0.0)")
    black = encoded(Image.new("RGB", (9, 9)), "PNG")
    rows = [{"body": b""}, {"body": black}, {"body": PICTURE}, {"body": black}]
    answers = answer(start(model=model), rows)
    assert [each.get("code", 200) for each in answers] == [400, 200, 500, 200]


def test_one_handler_answers_in_several_threads(start, answer, colour_probabilities):
    handler = start()
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), ORANGE]
    wrong = []

    def work(colour):
        data = encoded(Image.new("RGB", (30, 20), colour), "PNG")
        expected = pytest.approx(colour_probabilities(colour), abs=1e-6)
        for _ in range(20):
            (good, bad) = answer(handler, [{"body": data}, {"body": b""}])
            if good != expected or bad["code"] != 400:
                wrong.append(colour)

    threads = [threading.Thread(target=work, args=(colour,)) for colour in colours]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


RED, GREEN = ((255, 0, 0), (0, 255, 0))


def of_colour(colour):
    return {"body": encoded(Image.new("RGB", (9, 9), colour), "PNG")}


@pytest.mark.parametrize(
    ("settings", "classes"),
    [
        ({}, ["red", "green", "2"]),
        ({"threshold": 0.3}, ["red"]),
        ({"threshold": 1}, []),
        ({"classes": ["green", 2]}, ["green", "2"]),
        ({"classes": ["2", "red"], "topk": 1}, ["red"]),
    ],
    ids=str,
)
@pytest.mark.parametrize("answers", ["torchserve", "records"])
def test_settings_select_the_classes_of_an_answer(start, answer, settings, classes, answers):
    given = {"mean": [0, 0, 0], "std": [1, 1, 1], "answers": answers, **settings}
    handler = start(settings=given, names={"0": "red", "1": "green"})
    (got,) = answer(handler, [of_colour(RED)])
    assert (list(got) if answers == "torchserve" else [each["label"] for each in got]) == classes


def test_a_class_filter_changes_no_probability(start, answer):
    plain = {"mean": [0, 0, 0], "std": [1, 1, 1]}
    whole, part = (start(settings={**plain, **extra}) for extra in ({}, {"classes": [1, 2]}))
    (everything,), (some,) = (answer(handler, [of_colour(GREEN)]) for handler in (whole, part))
    assert some == {name: everything[name] for name in ("1", "2")}


def test_a_class_that_the_model_does_not_have_is_told(start, answer):
    handler = start(settings={"classes": [1, 7]})
    with pytest.raises(HandlerContractError, match="names class 7, and the model answers scores"):
        answer(handler, [of_colour(RED)])


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        ("softmax", torch.tensor([1.0, 0.0, 0.0]).softmax(0).tolist()),
        ("sigmoid", torch.tensor([1.0, 0.0, 0.0]).sigmoid().tolist()),
        ("none", [1.0, 0.0, 0.0]),
    ],
)
def test_what_makes_probabilities_of_scores_is_a_setting(start, answer, activation, expected):
    handler = start(settings={"mean": [0, 0, 0], "std": [1, 1, 1], "activation": activation})
    (got,) = answer(handler, [of_colour(RED)])
    assert [got[str(n)] for n in range(3)] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("activation", "of_class_1"), [("softmax", 0.9525741), ("sigmoid", 0.9525741), ("none", 3.0)]
)
def test_one_score_is_that_of_class_1(activation, of_class_1):
    handler = ImageClassifier()
    handler.activation = activation
    (got,) = handler.postprocess(torch.tensor([[3.0]]))
    assert got == {"1": pytest.approx(of_class_1), "0": pytest.approx(1 - of_class_1)}
