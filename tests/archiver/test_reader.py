"""Opening good archives, whoever packed them and in whichever form, and reading their members."""

import hashlib
import pickle
import subprocess
import sys
import zipfile

import pytest
from archives import (
    HANDLER,
    MANIFEST,
    RECORD,
    WEIGHTS,
    good_files,
    make_folder,
    make_mar,
    make_tar_gz,
    manifest_of,
    record_of,
    with_record,
)

import archiver
from archiver import (
    Archive,
    CorruptArchiveError,
    InvalidArchiveError,
    LimitExceededError,
    Limits,
    ManifestError,
    UnknownMemberError,
)

MAKERS = {
    "mar": lambda path, files: make_mar(path / "cat.mar", files),
    "deflated": lambda path, files: make_mar(path / "cat.mar", files, zipfile.ZIP_DEFLATED),
    "tgz": lambda path, files: make_tar_gz(path / "cat.tar.gz", files),
    "tgz at the root": lambda path, files: make_tar_gz(path / "cat.tar.gz", files, folder=""),
    "tgz below a dot": lambda path, files: make_tar_gz(path / "cat.tar.gz", files, folder="./"),
    "folder": lambda path, files: make_folder(path / "cat", files),
}
ARCHIVES = {form: MAKERS[form] for form in ("mar", "deflated", "tgz")}
every_form = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
every_archive_file = pytest.mark.parametrize("make", ARCHIVES.values(), ids=ARCHIVES)


# What is in it


@every_form
@pytest.mark.parametrize("complete", [with_record, dict], ids=["RECORD", "no RECORD"])
def test_every_form_shows_the_same_members_and_the_same_manifest(tmp_path, make, complete):
    files = complete(good_files())
    with Archive.open(make(tmp_path, files)) as archive:
        assert {member.name: member.size for member in archive.members} == {
            name: len(content) for name, content in files.items()
        }
        assert archive.has_manifest
        assert archive.manifest.model.model_name == "cat"
        assert archive.manifest.model.serialized_file == "model.pt"
        assert {name: archive.read(name) for name in files} == files


@pytest.mark.parametrize(("maker", "form"), [("mar", "mar"), ("tgz", "tgz"), ("folder", "folder")])
def test_the_form_is_told_by_the_content_and_not_by_the_name(tmp_path, maker, form):
    made = MAKERS[maker](tmp_path, good_files())
    misnamed = made.rename(tmp_path / "model.bin")
    with Archive.open(str(misnamed)) as archive:
        assert archive.form == form
        assert archive.path == misnamed


def test_an_archive_of_the_original_packer_opens(tmp_path):
    """Deflated, without RECORD, the manifest last."""
    path = make_mar(tmp_path / "cat.mar", good_files(), zipfile.ZIP_DEFLATED)
    with Archive.open(path) as archive:
        assert archive.record is None
        assert archive.manifest.archiver_version == "0.12.0"
        assert {member.method for member in archive.members} == {"deflated"}
        assert {member.offset for member in archive.members} == {None}
        assert archive.verify().sha256_covered == 0


def test_entries_for_folders_are_no_members(tmp_path):
    path = tmp_path / "cat.mar"
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in {"data/": b"", "empty/": b"", **good_files()}.items():
            packed.writestr(name, content)
    with Archive.open(path) as archive:
        assert {member.name for member in archive.members} == set(good_files())


@every_form
@pytest.mark.parametrize(
    "name",
    ["with space.txt", "größe.txt", "猫/ねこ.txt", "a" * 255, ".hidden.d/x", "-rf", "%2e%2e"],
)
def test_odd_but_harmless_names_are_read(tmp_path, make, name):
    files = with_record({**good_files(), name: b"odd"})
    with Archive.open(make(tmp_path, files)) as archive:
        assert archive.read(name) == b"odd"


def test_a_name_without_the_unicode_flag_is_read_as_the_old_server_reads_it(tmp_path):
    from archives import RawEntry, raw_zip

    path = tmp_path / "cat.mar"
    path.write_bytes(raw_zip(RawEntry(name="größe.txt"), RawEntry(name=b"gr\x94\xe1e.md")))
    with Archive.open(path) as archive:
        assert [member.name for member in archive.members] == ["größe.txt", "größe.md"]


def test_a_manifest_may_name_the_model_oddly_and_hold_unknown_keys(tmp_path):
    manifest = manifest_of("My model (2)", serializedFile="model.pt", colour="red")
    files = {**good_files(), MANIFEST: manifest}
    with Archive.open(make_mar(tmp_path / "cat.mar", files)) as archive:
        assert archive.manifest.model.model_name == "My model (2)"
        assert archive.manifest.model.unknown == {"colour": "red"}


def test_a_handler_need_not_be_a_member(tmp_path):
    """It may be built in, or be named without its suffix, or with a function."""
    for handler in ("image_classifier", "handler", "handler.py:start", "handler:start"):
        files = {"handler.py": HANDLER, MANIFEST: manifest_of(handler=handler)}
        with Archive.open(make_mar(tmp_path / "cat.mar", files)) as archive:
            assert archive.manifest.model.handler == handler


# Without a manifest


@every_form
def test_without_a_manifest_one_is_assumed_of_the_names(tmp_path, make):
    names = ["handler.py", "model.py", "net.pth", "model-config.yaml", "requirements.txt"]
    with Archive.open(make(tmp_path, dict.fromkeys(names, b""))) as archive:
        model = archive.manifest.model
        assert not archive.has_manifest
        assert model.model_name == "cat"
        assert [
            model.handler,
            model.model_file,
            model.serialized_file,
            model.config_file,
            model.requirements_file,
        ] == names


@pytest.mark.parametrize(
    ("names", "handler", "serialized_file"),
    [
        (["handler.py", "my_handler.py", "a.pt"], "handler.py", "a.pt"),
        (["my_handler.py", "net.py", "a.pt", "b.pt"], "my_handler.py", None),
        (["a_handler.py", "b_handler.py", "a.pt"], None, "a.pt"),
        (["cat.py", "model.py", "a.safetensors"], "cat.py", "a.safetensors"),
        (["cat.py", "dog.py", "deep/a.pt"], None, None),
    ],
    ids=str,
)
def test_only_what_is_beyond_doubt_is_assumed(tmp_path, names, handler, serialized_file):
    with Archive.open(make_mar(tmp_path / "cat.mar", dict.fromkeys(names, b""))) as archive:
        assert archive.manifest.model.handler == handler
        assert archive.manifest.model.serialized_file == serialized_file


@pytest.mark.parametrize(
    ("file_name", "model_name"),
    [
        ("cat.mar", "cat"),
        ("cat.v2.tar.gz", "cat.v2"),
        ("my cat!.mar", "my_cat_"),
        ("_.mar", "model"),
    ],
)
def test_an_assumed_model_name_is_one_that_may_be_packed(tmp_path, file_name, model_name):
    path = make_mar(tmp_path / file_name, {"handler.py": HANDLER})
    with Archive.open(path) as archive:
        assert archive.manifest.model.model_name == model_name
        assert archiver.names.model_name_problem(model_name) is None


# Members


@every_form
def test_a_member_is_opened_as_a_stream(tmp_path, make):
    path = make(tmp_path, good_files())
    with Archive.open(path) as archive, archive.open_member("model.pt") as stream:
        assert stream.read(3) == WEIGHTS[:3]
        assert stream.read() == WEIGHTS[3:]
        assert stream.read() == b""


@pytest.mark.parametrize("maker", ["mar", "folder"])
def test_a_stored_member_can_seek(tmp_path, maker):
    path = MAKERS[maker](tmp_path, good_files())
    with Archive.open(path) as archive, archive.open_member("model.pt") as stream:
        assert stream.seekable()
        assert stream.seek(-2, 2) == len(WEIGHTS) - 2
        assert stream.read() == WEIGHTS[-2:]
        stream.seek(100)
        stream.seek(1, 1)
        assert (stream.tell(), stream.read(1)) == (101, WEIGHTS[101:102])
        with pytest.raises((ValueError, OSError)):
            stream.seek(-1)


def test_a_stored_member_lies_at_its_offset_in_the_file(tmp_path):
    path = make_mar(tmp_path / "cat.mar", good_files())
    with Archive.open(path) as archive:
        member = archive.member("model.pt")
    assert path.read_bytes()[member.offset :].startswith(WEIGHTS)


def test_members_are_read_by_several_threads_at_once(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    files = {f"{number}.bin": bytes([number]) * 300_000 for number in range(8)}
    path = make_mar(tmp_path / "cat.mar", files)
    with Archive.open(path) as archive, ThreadPoolExecutor(4) as threads:
        assert list(threads.map(archive.read, files)) == list(files.values())


@every_form
def test_streaming_gives_each_member_that_was_asked_for(tmp_path, make):
    files = {f"{number}.bin": bytes([number]) * 300_000 for number in range(4)}
    with Archive.open(make(tmp_path, files)) as archive:
        wanted = ["3.bin", "1.bin"]
        streamed = {member.name: stream.read() for member, stream in archive.stream(wanted)}
        # Who looks at the first bytes only gets the next member all the same.
        heads = [stream.read(1) for _, stream in archive.stream()]
    assert streamed == {name: files[name] for name in wanted}
    assert sorted(heads) == [b"\0", b"\1", b"\2", b"\3"]


def test_a_name_that_is_not_there_is_told_with_the_nearest_one(tmp_path):
    with Archive.open(make_mar(tmp_path / "cat.mar", good_files())) as archive:
        for ask in (archive.read, archive.open_member, archive.member):
            with pytest.raises(UnknownMemberError, match=r"did you mean 'handler\.py'") as caught:
                ask("handlre.py")
        with pytest.raises(UnknownMemberError):
            list(archive.stream(["nothing.like.it"]))
    assert (caught.value.name, caught.value.nearest) == ("handlre.py", "handler.py")
    assert pickle.loads(pickle.dumps(caught.value)).name == "handlre.py"  # noqa: S301 - our own


@every_form
def test_a_read_is_bounded(tmp_path, make):
    path = make(tmp_path, good_files())
    with (
        Archive.open(path, limits=Limits(max_read_bytes=1000)) as archive,
        pytest.raises(
            LimitExceededError, match=r"model\.pt.*10240 bytes, more than max_read_bytes = 1000"
        ),
    ):
        archive.read("model.pt")


# RECORD


def test_members_have_the_sha256_of_record(tmp_path):
    files = good_files()
    with Archive.open(make_mar(tmp_path / "cat.mar", with_record(files))) as archive:
        assert {member.name: member.sha256 for member in archive.members} == {
            **{name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
            RECORD: None,
        }


@every_archive_file
@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"labels.txt": b"cat"}, "'labels.txt' is not in RECORD"),
        ({"handler.py": None}, "RECORD lists 'handler.py', which is not there"),
        ({"model.pt": WEIGHTS + b"!"}, "'model.pt' has 10241 bytes; RECORD says 10240"),
        ({MANIFEST: manifest_of("dog", serializedFile="model.pt")}, "another SHA-256"),
        ({RECORD: b"model.pt,10240\n"}, "RECORD line 1"),
        ({RECORD: b"\xff\n"}, "not UTF-8"),
        ({RECORD: record_of({RECORD: b""})}, "RECORD lists itself"),
    ],
    ids=["extra", "missing", "size", "manifest", "no record", "binary", "itself"],
)
def test_an_archive_that_is_not_what_record_says_is_refused(tmp_path, make, change, problem):
    changed = {**with_record(good_files()), **change}
    files = {name: content for name, content in changed.items() if content is not None}
    with pytest.raises(CorruptArchiveError, match=problem):
        Archive.open(make(tmp_path, files))


def test_all_that_record_tells_is_told_at_once(tmp_path):
    files = {**with_record(good_files()), "a.txt": b"", "b.txt": b"", "model.pt": b"short"}
    del files["handler.py"]
    with pytest.raises(CorruptArchiveError) as caught:
        Archive.open(make_mar(tmp_path / "cat.mar", files))
    assert len(caught.value.problems) == 4
    assert caught.value.path == tmp_path / "cat.mar"


@every_form
def test_changed_content_is_found_by_verify_read_and_extract(tmp_path, make):
    """Of the same size, so that only the checksum tells; in a folder `read` has none to compare."""
    other = bytes(len(WEIGHTS))
    path = make(tmp_path, {**with_record(good_files()), "model.pt": other, "handler.py": HANDLER})
    with Archive.open(path) as archive:
        with pytest.raises(CorruptArchiveError, match=r"'model\.pt' has another SHA-256") as caught:
            archive.verify()
        assert len(caught.value.problems) == 1
        if archive.form != "folder":
            with pytest.raises(CorruptArchiveError, match=r"model\.pt"):
                archive.read("model.pt")
            with pytest.raises(CorruptArchiveError, match=r"model\.pt"):
                archive.extract(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_packed_folder_may_be_worked_in_and_verify_tells(tmp_path):
    path = make_folder(tmp_path / "cat", with_record(good_files()))
    (path / "handler.py").write_bytes(HANDLER + b"# edited\n")
    with Archive.open(path) as archive:
        assert archive.read("handler.py").endswith(b"# edited\n")
        archive.extract(tmp_path / "out")
        with pytest.raises(CorruptArchiveError, match=r"handler\.py"):
            archive.verify()


@every_form
def test_verify_says_what_it_covered(tmp_path, make):
    files = with_record(good_files())
    with Archive.open(make(tmp_path, files)) as archive:
        verification = archive.verify()
    assert verification.members == 4
    assert verification.total_bytes == sum(map(len, files.values()))
    assert verification.sha256_covered == 3
    assert verification.crc_covered == (4 if archive.form == "mar" else 0)


# The digest


def test_the_digest_of_an_archive_with_a_record_is_that_of_its_record(tmp_path):
    """So that packing again, or in another form, finds what was extracted before."""
    files = with_record(good_files())
    expected = hashlib.sha256(record_of(good_files())).hexdigest()
    for make in ARCHIVES.values():
        with Archive.open(make(tmp_path, files)) as archive:
            assert archive.digest() == expected


@every_archive_file
def test_the_digest_of_an_archive_without_one_is_that_of_the_file(tmp_path, make):
    path = make(tmp_path, good_files())
    with Archive.open(path) as archive:
        assert archive.digest() == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_digest_of_a_folder_is_that_of_what_is_in_it_now(tmp_path):
    files = dict(sorted(good_files().items()))
    path = make_folder(tmp_path / "cat", with_record(files))
    with Archive.open(path) as archive:
        before = archive.digest()
    assert before == hashlib.sha256(record_of(files)).hexdigest()
    (path / "model.pt").write_bytes(bytes(len(WEIGHTS)))
    with Archive.open(path) as archive:
        assert archive.digest() != before


# Manifests that cannot be used


@every_form
@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[1, 2]", "a list instead of an object"),
        (b"{}", "no 'model'"),
        (b"[" * 100_000, "not JSON"),
        (manifest_of(serializedFile="../weights.pt"), "leaves the archive's folder"),
        (manifest_of(modelFile="/etc/model.py"), "absolute"),
        (manifest_of(configFile="C:\\config.yaml"), "drive"),
        (manifest_of(requirementsFile="gone.txt"), "'gone.txt', which is not in the archive"),
        (manifest_of(handler="../../handler.py"), "leaves the archive's folder"),
        (manifest_of(serializedFile="modle.pt"), r"did you mean 'model\.pt'"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused(tmp_path, make, manifest, problem):
    path = make(tmp_path, {**good_files(), MANIFEST: manifest})
    with pytest.raises(ManifestError, match=problem) as caught:
        Archive.open(path)
    assert caught.value.path == path
    assert caught.value.problems


def test_all_files_that_a_manifest_misses_are_told_at_once(tmp_path):
    manifest = manifest_of(serializedFile="a", modelFile="b", configFile="c", requirementsFile="d")
    with pytest.raises(ManifestError) as caught:
        Archive.open(make_mar(tmp_path / "cat.mar", {MANIFEST: manifest}))
    assert [problem.split()[0] for problem in caught.value.problems] == [
        "'model.serializedFile'",
        "'model.modelFile'",
        "'model.configFile'",
        "'model.requirementsFile'",
    ]


@every_form
@pytest.mark.parametrize("name", [MANIFEST, RECORD])
def test_a_huge_manifest_or_record_is_not_read(tmp_path, make, name):
    limits = Limits(max_manifest_bytes=1000, max_record_bytes=1000)
    path = make(tmp_path, {**good_files(), name: b" " * 1001})
    with pytest.raises(LimitExceededError, match=r"1001 bytes, more than max_\w+ = 1000"):
        Archive.open(path, limits=limits)


# Given by mistake


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        (b"", "it is empty"),
        (b"\x80\x02}q\x00.", "a pickle.*mar-pack"),
        ((123).to_bytes(8, "little") + b'{"w":', "a safetensors file.*mar-pack"),
        (b"\x08\x08\x12\x07pytorch", "an ONNX model"),
        (b"<!DOCTYPE html><title>404</title>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b'{"model": 1}', "JSON"),
        (b"import torch\n", "text that begins with 'import torch"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"\0" * 257 + b"ustar", "uncompressed tar"),
        (b"\x01\x02\x03\xff\xfe", "unknown kind"),
        (b"PK", "text that begins with 'PK'"),
    ],
)
def test_what_is_no_archive_is_told_by_what_it_looks_like(tmp_path, content, seen):
    path = tmp_path / "cat.mar"
    path.write_bytes(content)
    with pytest.raises(InvalidArchiveError, match=seen):
        Archive.open(path)


def test_a_gzip_file_of_no_tar_is_told(tmp_path):
    import gzip

    path = tmp_path / "cat.tar.gz"
    path.write_bytes(gzip.compress(b"just text, not a tar" * 100))
    with pytest.raises(InvalidArchiveError, match="what it holds is no tar"):
        Archive.open(path)


def test_a_path_that_is_not_there_is_told_with_the_nearest_one(tmp_path):
    make_mar(tmp_path / "kitten.mar", good_files())
    with pytest.raises(InvalidArchiveError, match=r"does not exist; did you mean .*kitten\.mar"):
        Archive.open(tmp_path / "kiten.mar")
    with pytest.raises(InvalidArchiveError, match="nor does the folder"):
        Archive.open(tmp_path / "nowhere" / "cat.mar")
    (tmp_path / "link.mar").symlink_to(tmp_path / "gone.mar")
    with pytest.raises(InvalidArchiveError, match=r"symbolic link to .*gone\.mar"):
        Archive.open(tmp_path / "link.mar")


@pytest.mark.parametrize("inside", ["cat/data.pkl", "archive/archive_format"])
def test_a_pytorch_file_is_told_with_what_to_do(tmp_path, inside):
    folder = inside.partition("/")[0]
    path = make_mar(tmp_path / "cat.pt", {inside: b"", f"{folder}/version": b"3\n"})
    with pytest.raises(InvalidArchiveError, match=r"mar-pack --serialized-file cat\.pt"):
        Archive.open(path)


def test_an_archive_that_was_zipped_with_its_folder_is_told(tmp_path):
    files = {f"cat/{name}": content for name, content in good_files().items()}
    with pytest.raises(InvalidArchiveError, match="its manifest is in 'cat'"):
        Archive.open(make_mar(tmp_path / "cat.mar", files))


@pytest.mark.parametrize("maker", ["mar", "tgz", "folder"])
def test_an_archive_of_nothing_is_refused(tmp_path, maker):
    with pytest.raises(InvalidArchiveError, match="no files"):
        Archive.open(MAKERS[maker](tmp_path, {}))


def test_what_may_not_be_read_is_told(tmp_path):
    """As another user, since root may read everything."""
    path = make_mar(tmp_path / "cat.mar", good_files())
    path.chmod(0)
    code = (
        "import os, sys, archiver\n"
        "archiver.Archive\n"
        "if os.getuid() == 0: os.setuid(65534)\n"
        "try: archiver.Archive.open(sys.argv[1])\n"
        "except archiver.InvalidArchiveError as error: print(error)\n"
    )
    # The folders above belong to whoever runs the tests.
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o055)
    ran = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
    )
    assert "it cannot be read: Permission denied" in ran.stdout


# Closing


def test_a_closed_archive_holds_no_file(tmp_path):
    with Archive.open(make_mar(tmp_path / "cat.mar", good_files())) as archive:
        pass
    with pytest.raises(ValueError, match="closed"):
        archive.read("model.pt")


def test_an_archive_shows_what_it_is(tmp_path):
    with Archive.open(make_mar(tmp_path / "cat.mar", good_files())) as archive:
        assert repr(archive).endswith("cat.mar': mar, 3 members>")


# What this package packs


@pytest.mark.parametrize("archive_format", ["default", "zip-store", "tgz", "no-archive"])
def test_what_was_packed_is_read(tmp_path, archive_format):
    (tmp_path / "handler.py").write_bytes(HANDLER)
    (tmp_path / "model.pt").write_bytes(b"\x80\x02" + WEIGHTS)
    (tmp_path / "größe.txt").write_text("odd\n" * 1000)
    packed = archiver.pack(
        model_name="cat",
        version="1.0",
        handler=tmp_path / "handler.py",
        serialized_file=tmp_path / "model.pt",
        extra_files=[tmp_path / "größe.txt"],
        export_path=tmp_path / "store",
        archive_format=archive_format,
    )
    with Archive.open(packed.path) as archive:
        assert archive.digest() == packed.digest
        assert archive.manifest == packed.manifest
        assert archive.verify().sha256_covered == len(packed.members) - 1
        assert archive.read("größe.txt") == b"odd\n" * 1000
        assert archive.member("model.pt").is_aligned == (archive.form == "mar")


def test_a_folder_of_archives_is_no_archive(tmp_path):
    for name in ("b.mar", "a.mar"):
        (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(InvalidArchiveError, match=r"holds 2 archives: name one, such as .*a\.mar"):
        Archive.open(tmp_path)
    (tmp_path / "handler.py").write_text("")
    with Archive.open(tmp_path) as archive:  # sources, and what was packed of them
        assert archive.manifest.model.handler == "handler.py"
