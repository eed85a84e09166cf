"""`serve_locally`: a pool with one model in it, ready to answer."""

from typing import Unpack

from ts_sdk.runtime.pool.pool import Pool
from ts_sdk.runtime.pool.settings import ArchivePath, ServingSettings


def serve_locally(
    archive: ArchivePath, *, seed: int | None = None, **settings: Unpack[ServingSettings]
) -> Pool:
    """Serve an archive in this process: its requests go in one by one, and are batched.

    An archive contains code, and loading it runs that code: serve what you trust.

    Args:
        archive: A ``.mar``, a ``.tar.gz`` or a folder of sources.
        seed: Makes the choice among versions the same each time; None makes it different.
        **settings: How: see `ts_sdk.runtime.pool.settings.ServingSettings`.

    Returns:
        A pool with this model, ready to answer; to be closed after use (it is a context manager).

    Raises:
        archiver.ArchiveError: The archive is damaged, unsafe or no archive.
        LoadError: Its handler, config or model cannot be started; the cause is chained.
        DeviceUnavailableError: The device is not there.
        PrecisionError: The model cannot run in that precision.
        ValueError: A setting makes no sense.
    """
    pool = Pool(seed=seed)
    try:
        pool.add(archive, **settings)
    except BaseException:
        pool.close()
        raise
    return pool
