"""What to install for a module that is missing."""

from collections.abc import Mapping

from ts_sdk.doctor.environment import normalized, offers_extra

_OF_OTHER_NAME: Mapping[str, str] = {
    "Crypto": "pycryptodome",
    "OpenSSL": "pyOpenSSL",
    "PIL": "pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "detectron2": "git+https://github.com/facebookresearch/detectron2",
    "dotenv": "python-dotenv",
    "faiss": "faiss-cpu",
    "fitz": "PyMuPDF",
    "git": "GitPython",
    "llama_cpp": "llama-cpp-python",
    "lru": "lru-dict",
    "mii": "deepspeed-mii",
    "mmseg": "mmsegmentation",
    "google": "google-api-core",
    "grpc": "grpcio",
    "jwt": "PyJWT",
    "magic": "python-magic",
    "pkg_resources": "setuptools<80",
    "pynvml": "nvidia-ml-py",
    "pytorch_lightning": "pytorch-lightning",
    "segmentation_models_pytorch": "segmentation-models-pytorch",
    "sentence_transformers": "sentence-transformers",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
"""Module → what pip installs it as, where the two differ or the module is asked for often."""

_OF_SAME_NAME = frozenset(
    {
        "InstructorEmbedding",
        "accelerate",
        "albumentations",
        "bitsandbytes",
        "captum",
        "datasets",
        "deepspeed",
        "diffusers",
        "easyocr",
        "einops",
        "fairseq",
        "fastai",
        "flair",
        "gensim",
        "imageio",
        "joblib",
        "langchain",
        "librosa",
        "lightgbm",
        "matplotlib",
        "mmcv",
        "mmdet",
        "mmpose",
        "mxnet",
        "nltk",
        "numba",
        "nvgpu",
        "omegaconf",
        "onnx",
        "onnxruntime",
        "openvino",
        "optimum",
        "pandas",
        "peft",
        "psutil",
        "pycocotools",
        "pydantic",
        "regex",
        "requests",
        "scipy",
        "sentencepiece",
        "soundfile",
        "spacy",
        "tensorflow",
        "timm",
        "tokenizers",
        "torchaudio",
        "torchrec",
        "tqdm",
        "transformers",
        "ultralytics",
        "xgboost",
    }
)
"""Modules that are certainly packages of that name, and no forgotten files."""

_EXTRAS: Mapping[str, str] = {
    "captum": "explain",
    "cv2": "opencv",
    "matplotlib": "explain",
    "onnxruntime": "onnx",
    "prometheus_client": "metrics",
    "tokenizers": "text",
}
"""Module → the extra of this library that brings it."""

REMOVED_FROM_PYTHON: Mapping[str, str] = {
    "asynchat": "3.12",
    "asyncore": "3.12",
    "cgi": "3.13",
    "distutils": "3.12",
    "imghdr": "3.13",
    "imp": "3.12",
    "pipes": "3.13",
    "sndhdr": "3.13",
    "telnetlib": "3.13",
}
"""Modules that Python itself had → the version from which on it has not."""

UNAVAILABLE: Mapping[str, str] = {
    "torchtext": (
        "torchtext was given up: its last release, 0.18, is built for torch 2.3 and cannot be "
        "loaded by the torch that runs here"
    ),
}
"""Packages that nobody can install here → why."""


def is_known_package(module: str) -> bool:
    """Whether *module* is certainly a package, and no file that somebody forgot to pack."""
    return module in _OF_OTHER_NAME or module in _OF_SAME_NAME


REPLACED = frozenset({"torch-model-archiver", "torch-workflow-archiver", "torchserve"})
"""Packages whose place this library takes."""


def distribution_of(module: str) -> str:
    """The name that pip knows *module* by; the module's own name when it is not known better."""
    return _OF_OTHER_NAME.get(module, module)


def wish_for(module: str) -> str:
    """What to give pip for *module*."""
    extra = _EXTRAS.get(module)
    if extra is not None and offers_extra(extra):
        return f"ts-sdk[{extra}]"
    return distribution_of(module)


def is_of(distribution: str, module: str) -> bool:
    """Whether installing *distribution* brings *module*, by their names.

    The name of what is not known better may be longer than the module's: ``llama-cpp-python``.
    """
    wanted, given = normalized(distribution_of(module)), normalized(distribution)
    if wanted == given or normalized(module) == given:
        return True
    if module == "cv2":
        return given.startswith("opencv-")
    return not is_known_package(module) and f"-{wanted}-" in f"-{given}-"
