"""Why a model answered what it did: Captum's methods, where they are right.

Captum is imported when the first explanation is made; `ts_sdk[explain]` brings it.
"""

from ts_sdk.explain.explanation import Explanation
from ts_sdk.explain.methods import Form, Method, Support, support

__all__ = ["Explanation", "Form", "Method", "Support", "support"]
