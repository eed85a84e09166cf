"""Is the config file a YAML mapping?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def read_config(path: Path) -> tuple[dict[Any, Any], list[str]]:
    """Read a model-config.yaml.

    Args:
        path: The config file, which exists.

    Returns:
        Its mapping, empty when there are problems, and a sentence for each problem.
    """
    # Imported here so that the rest of the package needs the standard library only.
    import yaml

    try:
        text = path.read_text(encoding="utf-8-sig")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        config = yaml.safe_load(text)
    except UnicodeDecodeError as error:
        return {}, [f"the config file {path} is not UTF-8 text: {error}"]
    except yaml.MarkedYAMLError as error:
        return {}, [f"{_place(path, error.problem_mark)}: not valid YAML: {_reason(error)}"]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return {}, [f"the config file {path} is not valid YAML: {error}"]

    problems = [
        f"{_place(path, key.start_mark)}: the key {key.value!r} is there twice"
        for key in _repeated_keys(node)
    ]
    if config is None:
        problems.append(f"the config file {path} is empty; leave it out, or give it settings")
    elif not isinstance(config, dict):
        problems.append(
            f"the config file {path} is not a mapping of settings "
            f"('key: value'), but a {type(config).__name__}"
        )
    return ({} if problems else config), problems


def _reason(error: Any) -> str:  # noqa: ANN401 -- a MarkedYAMLError, whose module is not imported
    """Return a YAML error's reason, on one line and in plain words for the commonest slip."""
    reason = ", ".join(part for part in (error.context, error.problem) if part)
    return reason.replace("found character '\\t' that cannot start any token", "a tab indents it")


def _place(path: Path, mark: Any) -> str:  # noqa: ANN401 -- a yaml.Mark, see above
    """Return ``file:line``, as editors and compilers write it."""
    return f"{path}" if mark is None else f"{path}:{mark.line + 1}"


def _repeated_keys(node: Any) -> Iterator[Any]:  # noqa: ANN401 -- a yaml.Node, see above
    """Yield each key node that repeats an earlier key of its mapping."""
    import yaml

    waiting, seen_nodes = [node], set()
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in seen_nodes:
            continue
        seen_nodes.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            keys: set[tuple[str, str]] = set()
            for key, value in node.value:
                waiting.append(value)
                if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE_TAG:
                    continue
                if (key.tag, key.value) in keys:
                    yield key
                keys.add((key.tag, key.value))


# `<<: *defaults` may be there several times.
_MERGE_TAG = "tag:yaml.org,2002:merge"
