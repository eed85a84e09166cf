"""The extraction cache: each archive is extracted once, for all processes of a user."""

from ts_sdk.cache.extraction import Clearing, ExtractionCache
from ts_sdk.cache.folder import CacheEntry
from ts_sdk.cache.leases import Lease

__all__ = ["CacheEntry", "Clearing", "ExtractionCache", "Lease"]
