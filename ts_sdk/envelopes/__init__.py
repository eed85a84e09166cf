"""Request envelopes: what stands around a handler's inputs and answers in a client's own format.

An archive names its envelope in the manifest. `find_envelope` gives its class; a class of the
user's own is a subclass of `BaseEnvelope`.
"""

from ts_sdk.envelopes.base import BaseEnvelope
from ts_sdk.envelopes.body import BodyEnvelope
from ts_sdk.envelopes.finding import find_envelope
from ts_sdk.envelopes.json_instances import JSONEnvelope
from ts_sdk.envelopes.kserve import KServeEnvelope
from ts_sdk.envelopes.kservev2 import KServev2Envelope

__all__ = [
    "BaseEnvelope",
    "BodyEnvelope",
    "JSONEnvelope",
    "KServeEnvelope",
    "KServev2Envelope",
    "find_envelope",
]
