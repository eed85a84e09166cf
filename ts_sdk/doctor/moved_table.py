"""The names that went, looked up in the releases of the packages; see `ts_sdk.doctor.moved`."""

from collections.abc import Iterator

from ts_sdk.doctor.moved import Moved

_HUB = "torch.hub.load_state_dict_from_url"
_WEIGHTS = "torchvision.models.get_model(...) with weights="
_FROM_ITS_PLACE = "the class from transformers itself"

_NAMES: tuple[tuple[str, str, str], ...] = (
    ("torch._six", "2.0", "str, collections.abc and math.inf of Python itself"),
    ("torch.btrifact", "2.0", "torch.linalg.lu_factor"),
    ("torch.distributed.pipeline", "2.6", "torch.distributed.pipelining"),
    ("torch.eig", "2.0", "torch.linalg.eig"),
    ("torch.gels", "2.0", "torch.linalg.lstsq"),
    ("torch.ifft", "2.0", "torch.fft.ifft"),
    ("torch.irfft", "2.0", "torch.fft.irfft"),
    ("torch.is_deterministic", "2.0", "torch.are_deterministic_algorithms_enabled"),
    ("torch.lstsq", "2.0", "torch.linalg.lstsq"),
    ("torch.matrix_rank", "2.0", "torch.linalg.matrix_rank"),
    ("torch.rfft", "2.0", "torch.fft.rfft"),
    ("torch.set_deterministic", "2.0", "torch.use_deterministic_algorithms"),
    ("torch.solve", "2.0", "torch.linalg.solve"),
    ("torch.symeig", "2.0", "torch.linalg.eigh"),
    ("torch.utils.ffi", "1.0", "torch.utils.cpp_extension"),
    ("torchvision.models.utils", "0.13", _HUB),
    ("torchvision.models.segmentation.segmentation", "0.13", "torchvision.models.segmentation"),
    ("torchvision.prototype", "0.15", "torchvision.transforms.v2"),
    ("torchvision.transforms.functional_pil", "0.17", "torchvision.transforms.functional"),
    ("torchvision.transforms.functional_tensor", "0.17", "torchvision.transforms.functional"),
    ("torchvision.transforms.RandomSizedCrop", "0.14", "RandomResizedCrop"),
    ("torchvision.transforms.Scale", "0.14", "Resize"),
    ("torchvision.io.VideoReader", "0.26", "the package torchcodec"),
    ("torchvision.io.read_video", "0.26", "the package torchcodec"),
    ("torchvision.io.read_video_timestamps", "0.26", "the package torchcodec"),
    ("torchvision.io.write_video", "0.26", "the package torchcodec"),
    ("torchaudio.backend", "2.9", "nothing: torchcodec reads the files"),
    ("torchaudio.info", "2.9", "the package torchcodec"),
    ("torchaudio.list_audio_backends", "2.9", "nothing: torchcodec reads the files"),
    ("torchaudio.set_audio_backend", "2.9", "nothing: torchcodec reads the files"),
    ("torchaudio.sox_effects", "2.9", "torchaudio.functional"),
    ("transformers.AdamW", "4.50", "torch.optim.AdamW"),
    ("transformers.AutoModelForVision2Seq", "5.0", "AutoModelForImageTextToText"),
    (
        "transformers.AutoModelWithLMHead",
        "5.0",
        "AutoModelForCausalLM, AutoModelForMaskedLM or AutoModelForSeq2SeqLM",
    ),
    ("transformers.BeamScorer", "5.0", "model.generate(num_beams=...)"),
    ("transformers.BeamSearchScorer", "5.0", "model.generate(num_beams=...)"),
    ("transformers.Conversation", "4.45", "a list of messages, with a text-generation pipeline"),
    ("transformers.ConversationalPipeline", "4.45", "the text-generation pipeline"),
    ("transformers.LineByLineTextDataset", "5.0", "the package datasets"),
    ("transformers.QuestionAnsweringPipeline", "5.10", "AutoModelForQuestionAnswering"),
    ("transformers.SummarizationPipeline", "5.0", "AutoModelForSeq2SeqLM and generate()"),
    ("transformers.TRANSFORMERS_CACHE", "5.0", "huggingface_hub.constants.HF_HUB_CACHE"),
    ("transformers.Text2TextGenerationPipeline", "5.0", "AutoModelForSeq2SeqLM and generate()"),
    ("transformers.TextDataset", "5.0", "the package datasets"),
    ("transformers.TranslationPipeline", "5.0", "AutoModelForSeq2SeqLM and generate()"),
    ("transformers.Wav2Vec2Tokenizer", "5.0", "Wav2Vec2CTCTokenizer or Wav2Vec2Processor"),
    ("transformers.cached_path", "4.22", "huggingface_hub.hf_hub_download"),
    ("transformers.deepspeed", "4.49", "transformers.integrations"),
    ("transformers.generation.beam_search", "5.0", "model.generate(num_beams=...)"),
    ("transformers.generation_beam_search", "4.30", "transformers.generation"),
    ("transformers.generation_logits_process", "4.30", "transformers.generation"),
    ("transformers.generation_stopping_criteria", "4.30", "transformers.generation"),
    ("transformers.generation_utils", "4.40", "transformers.generation"),
    ("transformers.modeling_tf_utils", "5.0", "the PyTorch classes"),
    ("transformers.onnx", "5.0", "the package optimum-onnx"),
    ("transformers.squad_convert_examples_to_features", "5.24", "the tokenizer itself"),
    ("transformers.top_k_top_p_filtering", "4.40", "model.generate(top_k=..., top_p=...)"),
    ("transformers.utils.fx", "5.0", "torch.export"),
    ("PIL.Image.ANTIALIAS", "10.0", "Image.LANCZOS"),
    ("PIL.Image.CUBIC", "10.0", "Image.BICUBIC"),
    ("PIL.Image.LINEAR", "10.0", "Image.BILINEAR"),
    ("PIL.Image.VERSION", "10.0", "PIL.__version__"),
    ("PIL.PILLOW_VERSION", "10.0", "PIL.__version__"),
    ("PIL.Image.PILLOW_VERSION", "10.0", "PIL.__version__"),
    ("numpy.AxisError", "2.0", "numpy.exceptions.AxisError"),
    ("numpy.ComplexWarning", "2.0", "numpy.exceptions.ComplexWarning"),
    ("numpy.Inf", "2.0", "numpy.inf"),
    ("numpy.Infinity", "2.0", "numpy.inf"),
    ("numpy.NINF", "2.0", "-numpy.inf"),
    ("numpy.NaN", "2.0", "numpy.nan"),
    ("numpy.PINF", "2.0", "numpy.inf"),
    ("numpy.RankWarning", "2.0", "numpy.exceptions.RankWarning"),
    ("numpy.VisibleDeprecationWarning", "2.0", "numpy.exceptions.VisibleDeprecationWarning"),
    ("numpy.alltrue", "2.0", "numpy.all"),
    ("numpy.asfarray", "2.0", "numpy.asarray(..., dtype=float)"),
    ("numpy.asscalar", "2.0", "array.item()"),
    ("numpy.bool8", "2.0", "numpy.bool_"),
    ("numpy.cast", "2.0", "numpy.asarray(..., dtype=...)"),
    ("numpy.complex", "1.24", "complex"),
    ("numpy.complex_", "2.0", "numpy.complex128"),
    ("numpy.cumproduct", "2.0", "numpy.cumprod"),
    ("numpy.find_common_type", "2.0", "numpy.result_type"),
    ("numpy.float", "1.24", "float or numpy.float64"),
    ("numpy.float_", "2.0", "numpy.float64"),
    ("numpy.in1d", "2.4", "numpy.isin"),
    ("numpy.infty", "2.0", "numpy.inf"),
    ("numpy.int", "1.24", "int or numpy.int64"),
    ("numpy.int0", "2.0", "numpy.intp"),
    ("numpy.mat", "2.0", "numpy.asmatrix"),
    ("numpy.msort", "2.0", "numpy.sort(..., axis=0)"),
    ("numpy.object", "1.24", "object"),
    ("numpy.product", "2.0", "numpy.prod"),
    ("numpy.round_", "2.0", "numpy.round"),
    ("numpy.sometrue", "2.0", "numpy.any"),
    ("numpy.str", "1.24", "str"),
    ("numpy.string_", "2.0", "numpy.bytes_"),
    ("numpy.trapz", "2.4", "numpy.trapezoid"),
    ("numpy.typeDict", "2.0", "numpy.sctypeDict"),
    ("numpy.unicode_", "2.0", "numpy.str_"),
    ("scipy.misc.imread", "1.3", "imageio.imread"),
    ("scipy.misc.imresize", "1.3", "PIL.Image.Image.resize"),
    ("scipy.misc.imsave", "1.3", "imageio.imwrite"),
    ("sklearn.externals.joblib", "0.23", "the package joblib"),
)
_DISTRIBUTIONS = {"PIL": "pillow", "sklearn": "scikit-learn"}

_TORCHVISION_MODELS = (
    "alexnet",
    "densenet",
    "googlenet",
    "inception",
    "mnasnet",
    "mobilenet",
    "resnet",
    "shufflenetv2",
    "squeezenet",
    "vgg",
)
_TRANSFORMERS_3 = (
    "albert",
    "auto",
    "bart",
    "bert",
    "bert_generation",
    "camembert",
    "distilbert",
    "electra",
    "encoder_decoder",
    "gpt2",
    "longformer",
    "mbart",
    "mobilebert",
    "openai",
    "pegasus",
    "reformer",
    "roberta",
    "t5",
    "xlm",
    "xlm_roberta",
    "xlnet",
)
_FEATURE_EXTRACTORS = (
    "Beit",
    "CLIP",
    "Deit",
    "Detr",
    "Donut",
    "DPT",
    "LayoutLMv2",
    "LayoutLMv3",
    "Segformer",
    "ViT",
    "Yolos",
)
_ABSTRACT_CLASSES = (
    "Callable",
    "Hashable",
    "Iterable",
    "Iterator",
    "Mapping",
    "MutableMapping",
    "MutableSequence",
    "MutableSet",
    "Sequence",
    "Set",
    "Sized",
)


def moved_names() -> dict[str, Moved]:
    """Full name → what became of it."""
    return {moved.name: moved for moved in _all()}


def _all() -> Iterator[Moved]:
    for name, since, instead in _NAMES:
        top = name.partition(".")[0]
        yield Moved(name, _DISTRIBUTIONS.get(top, top), since, instead)
    for model in _TORCHVISION_MODELS:
        module = f"torchvision.models.{model}"
        yield Moved(f"{module}.model_urls", "torchvision", "0.13", _WEIGHTS)
        yield Moved(f"{module}.load_state_dict_from_url", "torchvision", "0.13", _HUB)
    for model in _TRANSFORMERS_3:
        for kind in ("configuration", "modeling", "tokenization"):
            yield Moved(f"transformers.{kind}_{model}", "transformers", "4.0", _FROM_ITS_PLACE)
    for model in _FEATURE_EXTRACTORS:
        old = f"transformers.{model}FeatureExtractor"
        yield Moved(old, "transformers", "5.0", f"{model}ImageProcessor")
    for name in _ABSTRACT_CLASSES:
        yield Moved(f"collections.{name}", "python", "3.10", f"collections.abc.{name}")
