"""Config files: a YAML mapping, or a sentence that says where it is none."""

import pytest

from archiver.source_checks.config_file import read_config


@pytest.fixture
def read(tmp_path):
    """What is read from a config file with this content, and what is said of it."""

    def read(content):
        path = tmp_path / "model-config.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_config(path)

    return read


@pytest.mark.parametrize(
    ("content", "config"),
    [
        ("batchSize: 4\nhandler:\n  topk: 3\n", {"batchSize": 4, "handler": {"topk": 3}}),
        ("\ufeffbatchSize: 4", {"batchSize": 4}),
        (
            "a: &x {b: 1}\nc: {<<: *x, b: 2}\nd: {<<: *x, <<: *x}",
            {"a": {"b": 1}, "c": {"b": 2}, "d": {"b": 1}},
        ),
        ("1: one\n'1': text", {1: "one", "1": "text"}),
        ("a: &loop\n  b: 1\nc: *loop", {"a": {"b": 1}, "c": {"b": 1}}),
    ],
)
def test_a_mapping_is_read(read, content, config):
    assert read(content) == (config, [])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("a: 1\na: 2", "model-config.yaml:2: the key 'a' is there twice"),
        ("a:\n  b: 1\n  c: 2\n  b: 3", "model-config.yaml:4: the key 'b' is there twice"),
        ("- a: 1\n  a: 2", "the key 'a' is there twice"),
        ("a:\n\tb: 1", "model-config.yaml:2: not valid YAML: "),
        ("a: [1, 2", "model-config.yaml:"),
        ("a: b: c", "model-config.yaml:1: not valid YAML"),
        ("a: !!python/object:os.system {}", "model-config.yaml:1: not valid YAML"),
        ("a: 1\n---\nb: 2", "not valid YAML"),
        ("a: *nowhere", "model-config.yaml:1: not valid YAML"),
        (b"a: \xff", "is not UTF-8 text"),
        (b"a: \x00", "is not valid YAML"),
        ("[" * 100_000, "is not valid YAML"),
        ("", "is empty"),
        ("# nothing but this", "is empty"),
        ("just text", "is not a mapping of settings"),
    ],
)
def test_what_is_no_mapping_is_told_with_its_line(read, content, reason):
    config, problems = read(content)
    assert config == {}
    assert any(reason in problem for problem in problems), problems


def test_a_tab_is_named_as_such(read):
    _, (problem,) = read("a:\n\tb: 1")
    assert "a tab" in problem
