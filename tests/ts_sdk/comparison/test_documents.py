"""Requirements, labels and settings are compared by what they say."""

import pytest

from ts_sdk.comparison import compare
from ts_sdk.comparison.documents import changed_config, changed_labels, changed_requirements
from ts_sdk.testing.closeness import ABSENT


def told(changes):
    return [tuple(vars(each).values()) for each in changes]


def test_requirements_are_compared_package_by_package():
    old = b"Torch >= 2.1\nnumpy==1.26  # why\nscikit_image\n--extra-index-url https://x\n"
    new = b"torch>=2.2\nscikit-image\npillow[xmp]==11; python_version > '3.10'\n"
    assert told(changed_requirements(old, new)) == [
        ("--extra-index-url https://x", "", None),
        ("numpy", "==1.26", None),
        ("pillow", None, '[xmp]==11; python_version > "3.10"'),
        ("torch", ">=2.1", ">=2.2"),
    ]


def test_the_order_and_the_comments_of_requirements_make_no_difference():
    assert changed_requirements(b"a==1\nb==2\n", b"# new\nB == 2\na==1 \\\n") == ()


def test_what_requirements_take_from_the_environment_stays_unread(monkeypatch):
    monkeypatch.setenv("TOKEN", "secret")
    old, new = b"", b"--index-url https://${TOKEN}@x\n"
    assert told(changed_requirements(old, new)) == [("--index-url https://${TOKEN}@x", None, "")]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('{"0": "cat", "1": "dog"}', '{"0": "cat", "1": "fox", "2": "hen"}'),
        ('{"0": "cat", "1": "dog"}', '{"object_type_names": ["cat", "fox", "hen"]}'),
    ],
)
def test_labels_are_compared_by_their_index(old, new):
    expected = [("1", "dog", "fox"), ("2", ABSENT, "hen")]
    assert told(changed_labels(old.encode(), new.encode())) == expected


def test_settings_are_compared_by_their_path():
    old = b"handler: {topk: 5, sizes: [1, 2]}\nbatchSize: 4\n"
    new = b"batchSize: 4\nhandler:\n  topk: 1\n  sizes: [1]\n"
    assert told(changed_config(old, new)) == [
        ("handler.topk", 5, 1),
        ("handler.sizes[1]", 2, ABSENT),
    ]


def test_a_section_that_is_new_is_told_value_by_value():
    assert told(changed_config(b"", b"handler: {topk: 1, sizes: {a: 2}}\n")) == [
        ("handler.topk", ABSENT, 1),
        ("handler.sizes.a", ABSENT, 2),
    ]


def test_true_and_1_are_two_values():
    assert told(changed_config(b"a: true\n", b"a: 1\n")) == [("a", True, 1)]


@pytest.mark.parametrize(
    "content",
    [
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(
            f"{chr(98 + level)}: &{chr(98 + level)} [{', '.join([f'*{chr(97 + level)}'] * 9)}]\n"
            for level in range(8)
        ),
        "a: &a [*a]\n",
        "a: [\n",
    ],
    ids=["a billion values", "one that holds itself", "no YAML"],
)
def test_settings_that_cannot_be_compared_as_such_are_shown_as_text(archive, content):
    old = archive("old", {"model-config.yaml": "a: 1\n"}, configFile="model-config.yaml")
    new = archive("new", {"model-config.yaml": content}, configFile="model-config.yaml")
    found = compare(old, new)
    assert found.config == ()
    assert [text.new for text in found.texts] == ["model-config.yaml"]


def test_a_document_is_told_as_data_and_not_as_text_too(archive):
    old = archive("old", {"r.txt": "a==1\n"}, requirementsFile="r.txt")
    new = archive("new", {"r.txt": "a==2\n"}, requirementsFile="r.txt")
    found = compare(old, new)
    assert told(found.requirements) == [("a", "==1", "==2")]
    assert found.texts == ()


def test_a_document_in_which_only_a_comment_changed_is_shown_as_text(archive):
    old = archive("old", {"r.txt": "a==1\n"}, requirementsFile="r.txt")
    new = archive("new", {"r.txt": "a==1  # sure\n"}, requirementsFile="r.txt")
    found = compare(old, new)
    assert found.requirements == ()
    assert found.texts[0].lines[-1] == "+a==1  # sure"


def test_requirements_that_are_new_are_told_by_package(archive):
    new = archive("new", {"r.txt": "a==1\n"}, requirementsFile="r.txt")
    assert told(compare(archive("old"), new).requirements) == [("a", None, "==1")]


def test_labels_that_are_too_large_to_be_read_are_told_as_a_file_alone(compared):
    small, large = '{"0": "cat"}', f'{{"0": "{"x" * (5 << 20)}"}}'
    found = compared({"index_to_name.json": small}, {"index_to_name.json": large})
    assert (found.labels, found.texts) == ((), ())
    assert [each.new for each in found.members] == ["index_to_name.json"]
