"""Class numbers become names, and no class is lost on the way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from default_handlers.labels import as_mapping, as_records, label_of

NAMES = {"0": "tench", "134": "crane", "517": "crane"}


def test_a_class_with_a_name_has_it():
    assert label_of(134, NAMES) == "crane"


@pytest.mark.parametrize("names", [None, {}, NAMES])
def test_a_class_without_a_name_has_its_number(names):
    assert label_of(7, names) == "7"


def test_answers_keep_the_order_of_their_classes():
    answer = as_mapping([(134, 0.6), (0, 0.3), (7, 0.1)], NAMES)
    assert list(answer.items()) == [("crane", 0.6), ("tench", 0.3), ("7", 0.1)]


def test_of_two_classes_with_one_name_the_more_probable_has_it():
    answer = as_mapping([(517, 0.6), (134, 0.4)], NAMES)
    assert answer == {"crane": 0.6, "crane (134)": 0.4}


def test_a_name_that_is_the_number_of_another_class_hides_neither():
    assert as_mapping([(3, 0.6), (7, 0.4)], {"3": "7"}) == {"7": 0.6, "7 (7)": 0.4}


@given(st.lists(st.sampled_from(["a", "a (1)", "a (1) (1)", "1"]), min_size=1, max_size=8))
def test_no_class_is_lost_whatever_the_names_are(names):
    ranked = [(number, 1.0 / (number + 1)) for number in range(len(names))]
    answer = as_mapping(ranked, {str(number): name for number, name in enumerate(names)})
    assert list(answer.values()) == [probability for _, probability in ranked]


def test_records_name_label_index_and_probability():
    assert as_records([(517, 0.6), (134, 0.4)], NAMES) == [
        {"label": "crane", "index": 517, "probability": 0.6},
        {"label": "crane", "index": 134, "probability": 0.4},
    ]
