"""Is this the machine that a profile was made for?"""

from archiver.tuned_profiles import TunedProfile, release_of
from ts_sdk.hardware import Hardware


def differences(profile: TunedProfile, here: Hardware) -> list[str]:
    """In what *here* is not the machine that *profile* is for, as sentences; none where it is.

    It is, with the same model of processor and as many cores of it that can be used, the same
    models of GPUs, and a torch of the same major and minor version.
    """
    version = here.packages.get("torch")
    facts = (
        ("the processor is", here.cpu, profile.cpu),
        ("the usable cores are", here.cores, profile.cores),
        ("the GPUs are", _listed(here.gpus), _listed(profile.gpus)),
        ("torch is", version and release_of(version), profile.torch_release),
    )
    return [f"{what} {own}, not {told}" for what, own, told in facts if own != told]


def remarks(profile: TunedProfile, here: Hardware) -> list[str]:
    """What else is different, which is no obstacle: memory, and the driver of GPUs."""
    facts = (
        ("memory is", here.memory_mb, profile.memory_mb, " MiB"),
        ("the GPUs' driver is", here.gpu_driver, profile.gpu_driver, ""),
    )
    return [
        f"{what} {own}{unit}, not {told}{unit}"
        for what, own, told, unit in facts
        if own is not None and told is not None and own != told
    ]


def _listed(gpus: tuple[str, ...]) -> str:
    return ", ".join(sorted(gpus)) or "none"
