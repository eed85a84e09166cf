"""`text_classifier` with a folder of transformers; what needs that library skips without it."""

import builtins
import json
import warnings
from contextlib import contextmanager

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

import ts_sdk
from archiver import pack
from default_handlers.transformers_folder import (
    TransformersConfig,
    is_weights_file,
    load_classifier,
)
from ts_sdk.errors import ConfigError, LoadError, ModelFormatError, RequestError

SENTENCES = ["a warm film", "a dull film", "the plot is dull and the film is far too long"]
MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]


@contextmanager
def unwarned():
    """transformers' own warnings are no findings here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def trained_tokenizer():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106 - no password
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.WordPieceTrainer(vocab_size=60, special_tokens=MARKS, show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


@pytest.fixture(scope="module")
def transformers():
    """The library, which is no dependency."""
    reason = "transformers is not installed: pip install transformers"
    with unwarned():
        return pytest.importorskip("transformers", reason=reason)


@pytest.fixture
def folder(transformers, tmp_path):
    """What `save_pretrained` writes of a small BERT with weights drawn at random."""

    def save(kind="Bert", **changes):
        tokenizer = trained_tokenizer()
        options = {
            "vocab_size": tokenizer.get_vocab_size(),
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 32,
            "max_position_embeddings": 16,
            "id2label": {0: "rotten", 1: "so-so", 2: "fresh"},
            "label2id": {"rotten": 0, "so-so": 1, "fresh": 2},
        }
        head = changes.pop("head", "ForSequenceClassification")
        torch.manual_seed(0)
        config = getattr(transformers, f"{kind}Config")(**{**options, **changes})
        target = tmp_path / "model"
        with unwarned():
            model = getattr(transformers, kind + head)(config).eval()
            for weight in model.parameters():  # drawn so small that all answers are alike
                weight.data *= 8
            model.save_pretrained(target)
        tokenizer.save(str(target / "tokenizer.json"))
        return target, model

    return save


@pytest.fixture
def load_packed(tmp_path):
    """Pack a folder for `text_classifier` and load the archive."""
    loaded = []

    def load(folder, *, serialized_file=None, **options):
        packed = pack(
            model_name="bert",
            version="1.0",
            handler="text_classifier",
            serialized_file=serialized_file,
            extra_files=[path for path in folder.iterdir() if path.name != "model.safetensors"]
            if serialized_file
            else [folder],
            export_path=tmp_path,
            force=True,
        )
        with unwarned():
            loaded.append(ts_sdk.load(packed.path, device="cpu", **options))
        return loaded[-1]

    yield load
    for model in loaded:
        model.close()


def as_transformers_answers(model, text):
    ids = trained_tokenizer().encode(text).ids
    with torch.inference_mode():
        return model(torch.tensor([ids])).logits.softmax(1)[0].tolist()


@pytest.mark.parametrize("named", [False, True], ids=["the folder", "its weights named"])
def test_answers_are_those_of_transformers(folder, load_packed, named):
    path, theirs = folder()
    model = load_packed(path, serialized_file=path / "model.safetensors" if named else None)
    for text, answer in zip(SENTENCES, model.predict_batch(SENTENCES), strict=True):
        assert list(answer) == ["rotten", "so-so", "fresh"]
        assert list(answer.values()) == pytest.approx(
            as_transformers_answers(theirs, text), abs=1e-5
        )
        assert answer == pytest.approx(model.predict(text), abs=1e-5)
    first, second, _ = model.predict_batch(SENTENCES)
    assert first != pytest.approx(second, abs=1e-2)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("DistilBert", {"dim": 32, "n_layers": 1, "n_heads": 2, "hidden_dim": 32}),
        ("Roberta", {"max_position_embeddings": 18, "pad_token_id": 0}),
        ("Electra", {"embedding_size": 32}),
        ("GPT2", {"n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 16, "pad_token_id": 0}),
        ("GPT2", {"n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 16}),
    ],
)
def test_other_kinds_answer_in_a_batch_as_alone(folder, load_packed, kind, options):
    model = load_packed(folder(kind, **options)[0])
    for text, answer in zip(SENTENCES, model.predict_batch(SENTENCES), strict=True):
        assert answer == pytest.approx(model.predict(text), abs=1e-4)


def test_loading_draws_nothing_on_the_terminal(folder, load_packed, capfd):
    path, _ = folder()
    capfd.readouterr()
    load_packed(path)
    assert "Loading weights" not in capfd.readouterr().err


def test_a_long_text_is_cut_to_the_positions_of_the_model(folder, load_packed):
    path, theirs = folder()
    model = load_packed(path)
    answer = model.predict("film " * 1000)
    expected = as_transformers_answers(theirs, "film " * 14)
    assert list(answer.values()) == pytest.approx(expected, abs=1e-5)


def test_several_labels_at_once_are_each_a_probability_of_its_own(folder, load_packed):
    path, theirs = folder(problem_type="multi_label_classification")
    answer = load_packed(path).predict(SENTENCES[0])
    ids = torch.tensor([trained_tokenizer().encode(SENTENCES[0]).ids])
    with torch.inference_mode():
        expected = theirs(ids).logits.sigmoid()[0].tolist()
    assert list(answer.values()) == pytest.approx(expected, abs=1e-5)


def test_index_to_name_goes_before_the_labels_of_the_config(folder, load_packed):
    path, _ = folder()
    (path / "index_to_name.json").write_text('{"0": "bad", "2": "good"}')
    assert list(load_packed(path).predict("film")) == ["bad", "1", "good"]


@pytest.mark.parametrize("precision", ["float16", "bfloat16", "autocast-bfloat16"])
def test_half_precision_answers_nearly_the_same(folder, load_packed, precision):
    path, theirs = folder()
    answer = load_packed(path, precision=precision).predict(SENTENCES[1])
    expected = as_transformers_answers(theirs, SENTENCES[1])
    assert list(answer.values()) == pytest.approx(expected, abs=0.05)


def test_weights_saved_in_half_precision_compute_in_float32(folder, load_packed):
    path, theirs = folder()
    with unwarned():
        theirs.half().save_pretrained(path)
    model = load_packed(path)
    assert {weight.dtype for weight in model.handler.model.parameters()} == {torch.float32}


def test_a_model_without_a_trained_head_is_refused(folder, load_packed):
    path, _ = folder(head="Model")
    with pytest.raises(ModelFormatError, match=r"do not hold classifier\.bias, .* not trained as"):
        load_packed(path)


def test_a_tokenizer_of_another_model_is_refused(folder, load_packed):
    path, _ = folder(vocab_size=10)
    with pytest.raises(ConfigError, match="the model knows 10: it is that of another model"):
        load_packed(path)


def test_a_folder_that_transformers_cannot_load_is_refused(folder, load_packed):
    path, _ = folder()
    (path / "model.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(ModelFormatError, match="transformers cannot load the bert model"):
        load_packed(path)


def test_code_in_the_folder_is_not_run(folder, load_packed, tmp_path):
    path, _ = folder()
    config = json.loads((path / "config.json").read_text())
    config |= {
        "model_type": "own",
        "auto_map": {
            "AutoConfig": "own.Config",
            "AutoModelForSequenceClassification": "own.Model",
        },
    }
    (path / "config.json").write_text(json.dumps(config))
    (path / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(ModelFormatError, match="transformers cannot load the own model"):
        load_packed(path)
    assert not (tmp_path / "ran").exists()


def test_a_bad_text_between_good_ones_is_rejected_alone(folder, load_packed):
    model = load_packed(folder()[0])
    first, bad, last = model.predict_batch([SENTENCES[0], b"\xff", SENTENCES[2]])
    assert isinstance(bad, RequestError)
    assert (bad.status, bad.index) == (400, 1)
    assert first == pytest.approx(model.predict(SENTENCES[0]), abs=1e-5)
    assert last == pytest.approx(model.predict(SENTENCES[2]), abs=1e-5)


class TestWithoutTheLibrary:
    def test_the_error_names_what_to_install(self, tmp_path, monkeypatch):
        imported = builtins.__import__

        def without_transformers(name, *args, **kwargs):
            if name.startswith("transformers"):
                raise ImportError("No module named 'transformers'")
            return imported(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", without_transformers)
        with pytest.raises(LoadError, match=r"a bert model .* pip install transformers"):
            load_classifier(tmp_path, "bert")

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("model.safetensors", True),
            ("pytorch_model.bin", True),
            ("model.safetensors.index.json", True),
            ("weights.safetensors", False),
            ("model.pt", False),
        ],
    )
    def test_its_weights_are_known_by_their_names(self, name, expected):
        assert is_weights_file(name) is expected

    @pytest.mark.parametrize(
        "config", [None, [], {"hidden": 3}, {"model_type": 7}, {"model_type": "../x"}]
    )
    def test_another_config_says_nothing(self, tmp_path, config):
        if config is not None:
            (tmp_path / "config.json").write_text(json.dumps(config))
        read = TransformersConfig(tmp_path)
        assert (read.model_type, read.labels, read.activation) == (None, None, "softmax")
