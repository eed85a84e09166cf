"""Golden answers: recorded beside their samples, and compared with what a model answers now."""

import json
import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import archiver
from ts_sdk import Request
from ts_sdk.samples import (
    Sample,
    SampleError,
    compare_with_goldens,
    read_samples,
    record_goldens,
    samples_of,
)
from ts_sdk.samples import golden as golden_module
from ts_sdk.samples.golden_file import Golden, parse_goldens, render_goldens
from ts_sdk.testing import Tolerance

CHANGED = {"head.weight": torch.zeros(4, 3), "head.bias": torch.tensor([0.0, 0.0, 0.0, 9.0])}


def document(name):
    return json.loads(Path("samples", f"{name}.golden.json").read_text())


def names_in(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def contents(path):
    with archiver.Archive.open(path) as archive:
        return {member.name: archive.read(member.name) for member in archive.members}


def edit_goldens(name, **changes):
    """Change what is said of the golden answers of a sample."""
    path = Path("samples", f"{name}.golden.json")
    goldens = parse_goldens(str(path), path.read_bytes())
    path.write_bytes(render_goldens(replace(golden, **changes) for golden in goldens))


class TestRecordingIntoAFolder:
    def test_writes_a_file_beside_each_sample(self, pack_classifier, load):
        model = load(pack_classifier())
        samples = read_samples("samples")
        recorded = record_goldens(model, samples, "samples")
        assert recorded.keys() == {"cat.jpg", "red"}
        assert names_in("samples") == [
            "cat.jpg",
            "cat.jpg.golden.json",
            "red",
            "red.golden.json",
        ]
        [said] = document("cat.jpg")["answers"]
        assert (said["precision"], said["device"]) == ("float32", "cpu")
        assert said["answer"] == model.predict(Path("samples/cat.jpg"))
        assert said["tolerance"]["rtol"] == Tolerance.for_precision("float32").rtol
        assert said["environment"].items() >= {"torch": torch.__version__}.items()
        assert said["environment"].keys() >= {"python", "numpy", "ts-sdk", "system", "processor"}

    def test_keeps_the_answers_of_other_precisions(self, pack_classifier, load):
        packed = pack_classifier()
        samples = read_samples("samples")
        for precision in ("float32", "bfloat16", "float32"):
            record_goldens(load(packed, precision=precision), samples, "samples")
        said = document("cat.jpg")["answers"]
        assert [each["precision"] for each in said] == ["bfloat16", "float32"]
        assert said[0]["tolerance"]["rtol"] == Tolerance.for_precision("bfloat16").rtol

    def test_that_is_repeated_changes_no_byte(self, pack_classifier, load):
        packed = pack_classifier()
        record_goldens(load(packed), read_samples("samples"), "samples")
        before = Path("samples/cat.jpg.golden.json").read_bytes()
        record_goldens(load(packed), read_samples("samples"), "samples")
        assert Path("samples/cat.jpg.golden.json").read_bytes() == before

    def test_goes_into_the_archives_place_of_a_folder_of_sources(self, load_handler):
        Path("sources/MAR-INF").mkdir(parents=True)
        Path("samples").rename("sources/MAR-INF/samples")
        model = load_handler("return [len(row) for row in data]")
        record_goldens(model, samples_of("sources"), "sources")
        assert Path("sources/MAR-INF/samples/cat.jpg.golden.json").is_file()
        assert all(result.passed for result in compare_with_goldens(model, samples_of("sources")))

    def test_takes_another_tolerance(self, pack_classifier, load):
        samples = read_samples("samples")
        record_goldens(load(pack_classifier()), samples, "samples", tolerance=Tolerance(rtol=0.25))
        assert document("red")["answers"][0]["tolerance"]["rtol"] == 0.25

    def test_writes_nothing_for_samples_that_are_not_there(self, pack_classifier, load):
        strange = Sample("strange.jpg", Request.sent(Path("samples/cat.jpg")))
        samples = [*read_samples("samples"), strange]
        with pytest.raises(SampleError, match=r"samples has no sample strange\.jpg"):
            record_goldens(load(pack_classifier()), samples, "samples")
        assert names_in("samples") == ["cat.jpg", "red"]

    def test_writes_nothing_when_an_answer_cannot_be_kept(self, load_handler):
        model = load_handler("return [{'it': object()} for row in data]")
        with pytest.raises(SampleError, match=r"the answer to cat\.jpg: .* with a object in it"):
            record_goldens(model, read_samples("samples"), "samples")
        assert names_in("samples") == ["cat.jpg", "red"]

    def test_refuses_keys_that_no_file_can_hold(self, load_handler):
        model = load_handler("return [{(1, 2): 'it'} for row in data]")
        with pytest.raises(SampleError, match=r"the key \(1, 2\) cannot be kept"):
            record_goldens(model, read_samples("samples"), "samples")

    def test_does_not_write_over_a_file_that_it_cannot_read(self, pack_classifier, load):
        samples = read_samples("samples")
        Path("samples/cat.jpg.golden.json").write_text("mine")
        with pytest.raises(SampleError, match=r"cat\.jpg\.golden\.json holds no golden answers"):
            record_goldens(load(pack_classifier()), samples, "samples")
        assert Path("samples/cat.jpg.golden.json").read_text() == "mine"

    def test_leaves_no_draft_when_it_cannot_be_written(self, pack_classifier, load):
        model, samples = load(pack_classifier()), read_samples("samples")
        Path("samples/cat.jpg.golden.json").mkdir()  # which no file can replace
        with pytest.raises(SampleError, match=r"golden\.json cannot be written"):
            record_goldens(model, samples, "samples")
        assert not any(name.startswith(".") for name in names_in("samples"))


class TestRecordingIntoAnArchive:
    @pytest.mark.parametrize("archive_format", ["default", "zip-store", "tgz", "no-archive"])
    def test_keeps_everything_else_byte_for_byte(self, pack_classifier, load, archive_format):
        packed = pack_classifier(archive_format=archive_format)
        before = contents(packed)
        record_goldens(load(packed), samples_of(packed), packed)
        after = contents(packed)
        new = {f"MAR-INF/samples/{name}.golden.json" for name in ("cat.jpg", "red")}
        assert after.keys() == before.keys() | new
        same = before.keys() - {"MAR-INF/RECORD"}
        assert {name: after[name] for name in same} == {name: before[name] for name in same}
        with archiver.Archive.open(packed) as archive:
            assert archive.verify().sha256_covered == len(after) - 1
        model = load(packed)
        assert all(result.passed for result in compare_with_goldens(model, samples_of(packed)))

    @pytest.mark.parametrize("archive_format", ["default", "zip-store", "tgz"])
    def test_makes_the_archive_that_packing_with_golden_answers_makes(
        self, pack_classifier, load, archive_format
    ):
        packed = pack_classifier(archive_format=archive_format)
        record_goldens(load(packed), samples_of(packed), packed)
        record_goldens(load(packed), read_samples("samples"), "samples")
        other = pack_classifier(archive_format=archive_format, export_path="other")
        assert packed.read_bytes() == other.read_bytes()

    def test_keeps_a_manifest_that_another_packer_wrote(self, pack_classifier, load):
        packed = pack_classifier(archive_format="no-archive")
        text = Path(packed, "MAR-INF/MANIFEST.json").read_text()
        strange = f"\ufeff{json.dumps(json.loads(text) | {'more': 'ö'}, ensure_ascii=False)}"
        import zipfile

        with zipfile.ZipFile("foreign.mar", "w") as archive:
            for path in sorted(packed.rglob("*")):
                name = path.relative_to(packed).as_posix()
                if path.is_file() and path.name not in ("RECORD", "MANIFEST.json"):
                    archive.writestr(name, path.read_bytes())
            archive.writestr("MAR-INF/MANIFEST.json", strange)
        record_goldens(load("foreign.mar"), samples_of("foreign.mar"), "foreign.mar")
        found = contents("foreign.mar")
        assert found["MAR-INF/MANIFEST.json"] == strange.encode()
        assert "MAR-INF/RECORD" in found
        assert samples_of("foreign.mar")[0].goldens

    def test_replaces_the_file_that_a_link_leads_to(self, pack_classifier, load):
        packed = pack_classifier()
        Path("current.mar").symlink_to(packed)
        record_goldens(load("current.mar"), samples_of("current.mar"), "current.mar")
        assert Path("current.mar").is_symlink()
        assert samples_of(packed)[0].goldens

    def test_leaves_it_as_it_was_when_a_sample_is_missing(self, pack_classifier, load):
        packed = pack_classifier(samples="samples/cat.jpg")
        before = packed.read_bytes()
        with pytest.raises(SampleError, match="has no sample red"):
            record_goldens(load(packed), read_samples("samples"), packed)
        assert packed.read_bytes() == before

    def test_leaves_a_damaged_archive_as_it_was(self, pack_classifier, load):
        packed = pack_classifier(archive_format="zip-store")
        model, samples = load(packed), samples_of(packed)
        damaged = packed.read_bytes().replace(b"class 2", b"class X")
        packed.write_bytes(damaged)
        with pytest.raises(archiver.CorruptArchiveError):
            record_goldens(model, samples, packed)
        assert packed.read_bytes() == damaged
        assert {path.name for path in Path().iterdir() if path.name.startswith(".")} == set()

    def test_without_samples_does_not_touch_it(self, pack_classifier, load):
        packed = pack_classifier(samples=())
        before = packed.stat()
        assert record_goldens(load(packed), (), packed) == {}
        assert packed.stat().st_ino == before.st_ino


class TestComparing:
    @pytest.fixture
    def recorded(self, pack_classifier, load):
        """The archive whose golden answers are in the folder."""
        packed = pack_classifier()
        record_goldens(load(packed), read_samples("samples"), "samples")
        return packed

    def test_the_same_model_passes(self, recorded, load):
        results = compare_with_goldens(load(recorded), read_samples("samples"))
        assert [(each.sample, each.passed, each.is_nearest) for each in results] == [
            ("cat.jpg", True, False),
            ("red", True, False),
        ]
        assert str(results[0]) == "cat.jpg: as the golden answer for float32 on cpu"

    def test_another_model_differs_and_the_message_says_where(
        self, recorded, pack_classifier, load
    ):
        torch.save(CHANGED, "w.pt")
        changed = load(pack_classifier(model_name="changed"))
        results = compare_with_goldens(changed, read_samples("samples"))
        assert [each.passed for each in results] == [False, False]
        message = str(results[0])
        assert message.startswith(
            "cat.jpg: 4 differences from the golden answer for float32 on cpu"
        )
        assert "$['class 3']" in message
        assert "it was made in an environment like this one: python 3." in message
        assert {each.path for each in results[0].differences} == {
            f"$['class {number}']" for number in range(4)
        }

    def test_another_environment_is_told_in_the_message_and_changes_no_tolerance(
        self, recorded, pack_classifier, load
    ):
        then = {"python": "3.10.1", "torch": "1.0", "gpu": "Voodoo"}
        edit_goldens("cat.jpg", environment=then)
        same, _ = compare_with_goldens(load(recorded), read_samples("samples"))
        assert same.passed
        assert f"torch 1.0 -> {torch.__version__}" in same.changes
        torch.save(CHANGED, "w.pt")
        differing, _ = compare_with_goldens(load(pack_classifier()), read_samples("samples"))
        message = str(differing)
        assert "it was made with python 3.10.1, torch 1.0, gpu Voodoo; since then: " in message
        assert "gpu Voodoo -> none" in message

    def test_the_recorded_tolerance_is_the_one_that_counts(self, recorded, pack_classifier, load):
        torch.save(CHANGED, "w.pt")
        wide = Tolerance(rtol=10.0, atol=10.0)
        edit_goldens("cat.jpg", tolerance=wide)
        cat, red = compare_with_goldens(load(pack_classifier()), read_samples("samples"))
        assert (cat.passed, red.passed) == (True, False)

    def test_a_sample_without_golden_answers_is_told(self, recorded, load):
        Path("samples/red.golden.json").unlink()
        _, red = compare_with_goldens(load(recorded), read_samples("samples"))
        assert not red.passed
        assert (red.golden, red.differences) == (None, ())
        assert str(red) == "red: no golden answer was recorded for float32 on cpu"

    def test_another_precision_is_compared_with_the_nearest_within_its_tolerance(
        self, recorded, load
    ):
        model = load(recorded, precision="bfloat16")
        cat, _ = compare_with_goldens(model, read_samples("samples"))
        assert cat.passed
        assert cat.is_nearest
        assert str(cat) == (
            "cat.jpg: as the golden answer for float32 on cpu "
            "(none was recorded for bfloat16 on cpu)"
        )
        exact, _ = compare_with_goldens(model, read_samples("samples"), nearest=False)
        assert exact.golden is None

    @pytest.mark.parametrize(
        ("there", "nearest"),
        [
            (["float32 cpu", "float16 cuda"], "float16 cuda"),
            (["float32 cuda", "bfloat16 cpu"], "float32 cuda"),
            (["float32 cuda", "float32 cpu"], "float32 cpu"),
            (["float16 cpu", "float16 cuda"], "float16 cpu"),
        ],
    )
    def test_the_nearest_is_of_the_same_precision_then_of_float32_then_of_the_device(
        self, there, nearest
    ):
        goldens = [Golden(*words.split(), Tolerance(), {}) for words in there]
        for order in (goldens, goldens[::-1]):
            chosen = golden_module._golden_for(("float16", "cpu"), order, nearest=True)
            assert f"{chosen.precision} {chosen.device}" == nearest

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
    def test_a_gpu_has_golden_answers_of_its_own(self, recorded, load):
        model = load(recorded, device="cuda")
        cat, _ = compare_with_goldens(model, read_samples("samples"))
        assert cat.is_nearest
        assert cat.passed
        record_goldens(model, read_samples("samples"), "samples")
        cpu, cuda = document("cat.jpg")["answers"]
        assert (cpu["device"], cuda["device"]) == ("cpu", "cuda")
        assert cuda["environment"]["gpu"] == torch.cuda.get_device_name()
        cat, _ = compare_with_goldens(model, read_samples("samples"))
        assert not cat.is_nearest

    def test_many_differences_are_counted_and_not_all_shown(self, load_handler):
        shift = "return [[float(n) + {} for n in range(50)] for row in data]"
        record_goldens(load_handler(shift.format(0)), read_samples("samples"), "samples")
        cat, _ = compare_with_goldens(load_handler(shift.format(1)), read_samples("samples"))
        assert len(cat.differences) == 50
        assert "50 differences from" in str(cat)
        assert "... and 40 more" in str(cat)


class TestAnswersOfEveryKind:
    ANSWERS = """
    seed = np.random.default_rng(0)
    answers = [{
        "bytes": b"\\x89PNG\\r\\n\\x1a\\n not really",
        "tensor": torch.arange(6).reshape(2, 3) / 7,
        "half": torch.tensor([0.1, 65504.0]).half(),
        "brain": torch.tensor([0.1, 3e38]).bfloat16(),
        "mask": np.array([[True, False]]),
        "scalar": np.float32(0.1),
        "nothing": np.zeros((0, 4), np.float32),
        "many": seed.normal(size=(200, 200)).astype(np.float32),
        "nan": [float("nan"), float("inf"), -0.0, 1e-320, 0.1 + 0.2],
        "dict": {1: "a", "$bytes": "b", None: [(1, 2)]},
        "text": "ö\\n",
    } for row in data]
    answers[0]["many"][3, 4] += {shift}
    return answers
    """

    def body(self, shift):
        return self.ANSWERS.replace("{shift}", str(shift))

    def test_are_kept_without_loss(self, load_handler):
        model = load_handler(self.body(0))
        recorded = record_goldens(model, read_samples("samples"), "samples")
        [sample, _] = read_samples("samples")
        [golden] = sample.goldens
        assert repr(golden) == repr(recorded["cat.jpg"])  # NaN is no equal of itself
        answer, expected = golden.answer, model.predict(sample.request)
        assert answer.keys() == expected.keys()
        for name in ("tensor", "half", "brain"):
            assert (answer[name].dtype, answer[name].shape) == (
                expected[name].dtype,
                expected[name].shape,
            )
            assert answer[name].equal(expected[name])
        for name in ("mask", "scalar", "nothing", "many"):
            assert answer[name].dtype == expected[name].dtype
            np.testing.assert_array_equal(answer[name], expected[name], strict=False)
        assert answer["nothing"].shape == (0, 4)
        assert math.isnan(answer["nan"].pop(0))
        assert answer["nan"] == expected["nan"][1:]
        assert math.copysign(1, answer["nan"][1]) == -1
        assert answer["dict"] == {1: "a", "$bytes": "b", None: [[1, 2]]}
        assert (answer["bytes"], answer["text"]) == (expected["bytes"], "ö\n")

    def test_are_compared(self, load_handler):
        record_goldens(load_handler(self.body(0)), read_samples("samples"), "samples")
        same, _ = compare_with_goldens(load_handler(self.body(0)), read_samples("samples"))
        assert same.passed
        [shifted, _] = compare_with_goldens(load_handler(self.body(0.5)), read_samples("samples"))
        assert [each.path for each in shifted.differences] == ["$.many[3][4]"]

    def test_can_be_reviewed_as_text(self, load_handler):
        record_goldens(load_handler(self.body(0)), read_samples("samples"), "samples")
        lines = Path("samples/cat.jpg.golden.json").read_text().splitlines()
        assert '            "numbers": [0.1, 65500.0]' in lines
        assert any("[0.0, 0.14285715, 0.2857143]" in line for line in lines)
        assert '            "content_type": "image/png",' in lines
        assert '        "text": "ö\\n"' in lines

    def test_a_streamed_answer_is_its_pieces(self, load_handler):
        body = """
        from ts.protocol.otf_message_handler import send_intermediate_predict_response
        for piece in ("one", "two"):
            send_intermediate_predict_response(
                [piece], context.request_ids, "ok", 200, context
            )
        return ["three"]
        """
        recorded = record_goldens(load_handler(body), read_samples("samples"), "samples")
        assert recorded["red"].answer == ["one", "two", "three"]


class TestErrors:
    REJECT = """
    context.set_response_status({status}, "no", 0)
    return [{{"code": {status}, "message": "{message}"}}]
    """

    def handler(self, load_handler, status=415, message="not a cat"):
        return load_handler(self.REJECT.format(status=status, message=message))

    def test_are_golden_answers_too(self, load_handler):
        record_goldens(self.handler(load_handler), read_samples("samples"), "samples")
        [said] = document("cat.jpg")["answers"]
        assert "answer" not in said
        assert said["error"] == {"status": 415, "kind": "RequestError", "message": "not a cat"}
        results = compare_with_goldens(
            self.handler(load_handler, message="no cat"), read_samples("samples")
        )
        assert [each.passed for each in results] == [True, True]

    def test_of_another_status_or_kind_differ(self, load_handler):
        record_goldens(self.handler(load_handler), read_samples("samples"), "samples")
        cat, _ = compare_with_goldens(
            self.handler(load_handler, status=413), read_samples("samples")
        )
        assert "it failed in another way" in str(cat)
        assert "413" in str(cat)
        raising = load_handler("raise KeyError('x')")
        cat, _ = compare_with_goldens(raising, read_samples("samples"))
        assert "KeyError" in str(cat)

    def test_and_answers_differ_both_ways(self, load_handler):
        answering = "return ['a cat' for row in data]"
        record_goldens(load_handler(answering), read_samples("samples"), "samples")
        cat, _ = compare_with_goldens(self.handler(load_handler), read_samples("samples"))
        assert "the request failed" in str(cat)
        record_goldens(self.handler(load_handler), read_samples("samples"), "samples")
        cat, _ = compare_with_goldens(load_handler(answering), read_samples("samples"))
        assert "the request did not fail" in str(cat)
        assert "a cat" in str(cat)

    def test_are_the_same_from_a_process_of_the_handlers_own(self, load_handler, load):
        record_goldens(self.handler(load_handler), read_samples("samples"), "samples")
        there = load("sources", isolation="process")
        results = compare_with_goldens(there, read_samples("samples"))
        assert [str(each) for each in results if not each.passed] == []

    def test_of_the_handlers_code_are_no_answers_and_what_was_recorded_stays(self, load_handler):
        record_goldens(self.handler(load_handler), read_samples("samples"), "samples")
        before = Path("samples/cat.jpg.golden.json").read_bytes()
        failing = load_handler("raise KeyError('x')")
        with pytest.raises(SampleError, match="the handler fails on it, so nothing was recorded"):
            record_goldens(failing, read_samples("samples"), "samples")
        assert Path("samples/cat.jpg.golden.json").read_bytes() == before


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "JSONDecodeError"),
        ("[]", "TypeError"),
        ('{"version": 1}', "KeyError: 'answers'"),
        ('{"version": 2, "answers": []}', "is of version 2; known is 1"),
        ('{"version": 1, "answers": [{}]}', "KeyError"),
        (
            '{"version": 1, "answers": [{"precision": 1, "device": "", "environment": []}]}',
            "has no",
        ),
    ],
)
def test_a_file_that_holds_no_golden_answers_is_refused_by_name(folder, text, complaint):
    Path("samples/cat.jpg.golden.json").write_text(text)
    with pytest.raises(SampleError, match=r"cat\.jpg\.golden\.json") as caught:
        read_samples("samples")
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    "kept",
    [
        {"$bytes": {"base64": "?"}},
        {"$bytes": {}},
        {"$array": {"dtype": "object", "shape": [1], "numbers": [1]}},
        {"$array": {"dtype": "float32", "shape": [3], "numbers": [1.0]}},
        {"$array": {"dtype": "uint8", "shape": [1], "numbers": [300]}},
        {"$tensor": {"npy": "AAAA"}},
        {"$object": [[[], 1]]},
        {"$tensor": {"dtype": "float32", "shape": [1], "numbers": "x"}},
        {"$object": 1},
    ],
)
def test_a_golden_answer_that_is_damaged_is_an_error_and_no_difference(load_handler, kept):
    model = load_handler("return ['a cat' for row in data]")
    record_goldens(model, read_samples("samples"), "samples")
    edit_goldens("cat.jpg", kept=kept)
    with pytest.raises(SampleError, match=r"the golden answer of cat\.jpg"):
        compare_with_goldens(model, read_samples("samples"))


def test_golden_answers_tell_nothing_of_whose_machine_made_them(pack_classifier, load, tmp_path):
    import getpass
    import platform

    record_goldens(load(pack_classifier()), read_samples("samples"), "samples")
    told = document("cat.jpg")["answers"][0]["environment"]
    assert told.keys() <= {
        "python",
        "torch",
        "torchvision",
        "numpy",
        "ts-sdk",
        "system",
        "processor",
        "gpu",
    }
    for word in (platform.node(), str(tmp_path), os.sep + getpass.getuser()):
        assert word not in " ".join(told.values())
