"""TorchServe's import names (``ts.torch_handler.base_handler``, ``ts.context``, …), which are ours.

In the code of an archive they are always there. Elsewhere `install` puts them there, for handlers
that are imported as a program's own modules, as tests do.
"""

from ts_sdk.torchserve.installing import install, uninstall
from ts_sdk.torchserve.names import MODULES, knows, why_not

__all__ = ["MODULES", "install", "knows", "uninstall", "why_not"]
