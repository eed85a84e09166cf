"""Plans: what is refused, each with its own sentence, and what is going to be packed."""

import os
import socket
from pathlib import Path

import pytest
from packing import plan_cat, problems_of, the_problem

from archiver import PackError, TargetExistsError, plan_pack


def test_a_plan_lists_the_members_with_their_sources(sources):
    plan = plan_cat()
    assert [(member.name, str(member.source)) for member in plan.members] == [
        ("handler.py", "handler.py"),
        ("index_to_name.json", "index_to_name.json"),
        ("model.py", "model.py"),
        ("weights.pt", "weights.pt"),
    ]
    assert plan.target == Path("out/cat.mar")


def test_a_plan_deflates_text_and_stores_weights(sources):
    (sources / "vocab.txt.bin").write_text("one\ntwo\n")
    (sources / "noise.txt").write_bytes(bytes(range(256)))
    plan = plan_cat(extra_files="vocab.txt.bin,noise.txt")
    assert {member.name: member.deflate for member in plan.members} == {
        "handler.py": True,
        "model.py": True,
        "noise.txt": False,
        "vocab.txt.bin": True,
        "weights.pt": False,
    }


def test_a_plan_with_zip_store_deflates_nothing(sources):
    assert not any(member.deflate for member in plan_cat(archive_format="zip-store").members)


def test_a_plan_holds_the_manifest(sources):
    (sources / "requirements.txt").write_text("numpy\n")
    (sources / "model-config.yaml").write_text("batchSize: 4\n")
    plan = plan_cat(
        requirements_file="requirements.txt",
        config_file="model-config.yaml",
        handler="handler.py:Cat",
        runtime="python3",
    )
    document = plan.manifest.to_dict()
    assert document.pop("archiverVersion")
    assert document == {
        "runtime": "python3",
        "model": {
            "modelName": "cat",
            "modelVersion": "1.0",
            "handler": "handler.py:Cat",
            "serializedFile": "weights.pt",
            "modelFile": "model.py",
            "requirementsFile": "requirements.txt",
            "configFile": "model-config.yaml",
        },
    }


def test_a_plan_writes_nothing(sources):
    before = sorted(sources.rglob("*"))
    plan_cat(export_path="some/where")
    assert sorted(sources.rglob("*")) == before


def test_nothing_but_a_handler_of_ones_own_is_needed(sources):
    plan = plan_pack(model_name="cat", version="1", handler="handler.py")
    assert [member.name for member in plan.members] == ["handler.py"]


def test_text_that_is_empty_stands_for_no_file(sources):
    plan = plan_cat(serialized_file="", extra_files="", requirements_file="", config_file="")
    assert [member.name for member in plan.members] == ["handler.py", "model.py"]


def test_a_handler_for_special_hardware_is_planned_with_a_note(sources):
    plan = plan_cat(handler="vllm_handler", model_file=None, serialized_file=None)
    assert "vLLM" in plan.notes[0]


def test_weights_without_a_model_file_are_planned_with_a_note(sources):
    plan = plan_cat(handler="base_handler", model_file=None)
    assert "there is no --model-file" in plan.notes[0]


def test_weights_with_a_model_file_or_a_handler_of_ones_own_need_no_note(sources):
    assert plan_cat(handler="base_handler").notes == ()
    assert plan_cat(model_file=None).notes == ()


# Each of these is wrong in one way only.


@pytest.mark.parametrize(
    ("argument", "role"),
    [
        ("serialized_file", "serialized file"),
        ("model_file", "model file"),
        ("extra_files", "extra file"),
        ("requirements_file", "requirements file"),
        ("config_file", "config file"),
    ],
)
def test_a_missing_file_is_told_with_its_role(sources, argument, role):
    assert the_problem(**{argument: "nowhere.x"}) == f"the {role} nowhere.x does not exist"


def test_a_missing_handler_is_told(sources):
    assert the_problem(handler="nowhere.py") == "the handler nowhere.py does not exist"


def test_a_misspelt_built_in_handler_gets_the_nearest_name(sources):
    assert "did you mean 'image_classifier'?" in the_problem(handler="image_clasifier")


def test_a_link_that_leads_nowhere_is_told_with_where_it_leads(sources):
    (sources / "link.pt").symlink_to("gone.pt")
    problem = the_problem(serialized_file="link.pt")
    assert problem == "the serialized file link.pt is a link to gone.pt, which does not exist"


def test_a_folder_where_a_file_is_needed_is_told(sources):
    (sources / "weights").mkdir()
    assert "is a folder" in the_problem(serialized_file="weights")


def test_a_pipe_is_told_and_not_waited_for(sources):
    os.mkfifo(sources / "pipe")
    assert "is no regular file" in the_problem(extra_files="pipe")


def test_a_socket_in_a_folder_is_told(sources, monkeypatch):
    (sources / "data").mkdir()
    monkeypatch.chdir(sources / "data")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        monkeypatch.chdir(sources)
        assert "is no regular file" in the_problem(extra_files="data")


def test_a_file_that_may_not_be_read_is_told(sources):
    sources.chmod(0o755)
    (sources / "weights.pt").chmod(0)
    was = os.geteuid()
    if was == 0:
        for folder in (sources, *sources.parents):
            if folder.stat().st_mode & 0o055 != 0o055 and folder != Path("/"):
                folder.chmod(0o755)
        os.seteuid(65534)
    try:
        with pytest.raises(PackError, match=r"weights\.pt cannot be read: Permission denied"):
            plan_cat(export_path="/var/tmp")  # noqa: S108 -- where anybody may write
    finally:
        os.seteuid(was)


def test_two_sources_for_one_member_are_both_named(sources):
    (sources / "other").mkdir()
    (sources / "other" / "index_to_name.json").write_text("{}")
    problem = the_problem(extra_files="index_to_name.json,other/index_to_name.json")
    assert "extra file index_to_name.json and the extra file other/index_to_name.json" in problem
    assert "would both become 'index_to_name.json'" in problem


def test_an_extra_file_named_like_the_model_file_does_not_replace_it(sources):
    (sources / "other").mkdir()
    (sources / "other" / "model.py").write_text("x = 1")
    problem = the_problem(extra_files="other/model.py")
    assert "the model file model.py and the extra file other/model.py" in problem


def test_one_file_given_twice_is_one_member(sources):
    (sources / "link.json").symlink_to("index_to_name.json")
    entries = ["*.json", "index_to_name.json", Path("index_to_name.json").absolute(), "model.py"]
    plan = plan_cat(extra_files=entries)
    assert [member.name for member in plan.members] == [
        "handler.py",
        "index_to_name.json",
        "link.json",
        "model.py",
        "weights.pt",
    ]


def test_one_file_may_be_handler_and_model_file(sources):
    (sources / "both.py").write_text(
        (sources / "handler.py").read_text() + (sources / "model.py").read_text()
    )
    plan = plan_cat(handler="both.py", model_file="./both.py", extra_files=())
    assert [member.name for member in plan.members] == ["both.py", "weights.pt"]


def test_names_that_differ_only_in_case_are_told(sources):
    (sources / "Model.py").write_text("x = 1")
    assert "'model.py' and 'Model.py' differ only in case" in the_problem(extra_files="Model.py")


def test_a_file_and_a_folder_of_one_name_are_told(sources):
    problem = the_problem(extra_files="index_to_name.json=model.py/labels.json")
    assert "'model.py' is a file and the folder of 'model.py/labels.json'" in problem


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("index_to_name.json=../labels.json", "leaves the archive's folder"),
        ("index_to_name.json=/labels.json", "is absolute"),
        ("index_to_name.json=a\\b", "contains a backslash"),
    ],
)
def test_a_name_that_leaves_the_archive_is_told(sources, entry, reason):
    problem = the_problem(extra_files=entry)
    assert "the extra file index_to_name.json cannot be packed" in problem
    assert reason in problem


def test_kept_paths_have_to_stay_in_the_archive(sources):
    absolute = str(sources / "index_to_name.json")
    assert "is absolute" in the_problem(extra_files=absolute, keep_paths=True)


@pytest.mark.parametrize("name", ["MAR-INF/MANIFEST.json", "mar-inf/notes.txt"])
def test_the_archives_own_folder_is_reserved(sources, name):
    problem = the_problem(extra_files=f"index_to_name.json={name}")
    assert problem.startswith(f"the extra file index_to_name.json would become {name!r}")
    assert "MAR-INF is reserved" in problem


@pytest.mark.parametrize("name", ["", "../cat", "c@t", ".cat", "a/b"])
def test_a_bad_model_name_is_told(sources, name):
    assert "the model name" in the_problem(model_name=name)


@pytest.mark.parametrize("version", ["", " "])
def test_an_empty_version_is_told(sources, version):
    assert "the version is empty" in the_problem(version=version)


def test_an_unknown_runtime_is_told(sources):
    assert "the runtime 'java'" in the_problem(runtime="java")


def test_an_unknown_archive_format_is_told(sources):
    assert "the archive format 'rar'" in the_problem(archive_format="rar")


def test_an_export_path_that_is_a_file_is_told(sources):
    problem = the_problem(export_path="model.py/inside")
    assert "the export path model.py/inside cannot be a folder: model.py is none" in problem


def test_a_built_in_handler_without_any_model_is_told(sources):
    problem = the_problem(handler="image_classifier", model_file=None, serialized_file=None)
    assert "there is no model" in problem


@pytest.mark.parametrize(
    "model",
    [{"model_file": "model.py"}, {"serialized_file": "weights.pt"}, {"config_file": "c.yaml"}],
)
def test_a_built_in_handler_with_any_model_is_planned(sources, model):
    (sources / "c.yaml").write_text("handler: {model_path: /models/llama}\n")
    nothing = {"model_file": None, "serialized_file": None}
    assert plan_cat(handler="base_handler", **(nothing | model)).members


@pytest.mark.parametrize("value", ["yesterday", "-1", "1.5"])
def test_a_source_date_that_is_no_number_is_told(sources, monkeypatch, value):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", value)
    assert "SOURCE_DATE_EPOCH" in the_problem()


def test_an_existing_target_is_told(sources):
    (sources / "cat.mar").write_bytes(b"somebody's")
    with pytest.raises(TargetExistsError, match=r"cat\.mar already exists: give --force"):
        plan_cat(export_path=".")
    assert plan_cat(export_path=".", force=True).force


def test_all_problems_come_in_one_go(sources):
    (sources / "handler.py").write_text("def handle(:")
    (sources / "model.py").write_text("from torch import nn\n")
    (sources / "weights.pt").write_text("<html>404</html>")
    (sources / "requirements.txt").write_text("numpy=1\n")
    (sources / "model-config.yaml").write_text("a:\n\tb")
    problems = problems_of(
        model_name="c@t",
        version="",
        requirements_file="requirements.txt",
        config_file="model-config.yaml",
        extra_files=["nowhere.txt", "*.nothing", "index_to_name.json=../x", "weights.pt=MAR-INF/x"],
    )
    expected = (
        "model name",
        "version",
        "*.nothing",
        "nowhere.txt",
        "'../x'",
        "MAR-INF",
        "handler.py:1",
        "web page",
        "no nn.Module",
        "requirements.txt:1",
        "model-config.yaml:2",
    )
    assert [part for part in expected if not any(part in problem for problem in problems)] == []
    assert len(problems) == len(expected)


def test_an_existing_target_is_told_beside_the_other_problems(sources):
    (sources / "cat.mar").touch()
    with pytest.raises(PackError) as caught:
        plan_cat(export_path=".", version="")
    assert len(caught.value.problems) == 2
    assert "cat.mar already exists" in caught.value.problems[1]
