"""`python -m ts_sdk.cli` is `mar`."""

import sys

from ts_sdk.cli.program import main

sys.exit(main())
