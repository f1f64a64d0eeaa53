"""`python -m specc`."""

import sys

from .terminal.cli import main

sys.exit(main())
