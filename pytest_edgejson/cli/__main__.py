"""`python -m pytest_edgejson.cli`."""

import sys

from pytest_edgejson.cli import main

sys.exit(main())
