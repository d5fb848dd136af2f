"""``python -m realm.typegen``."""

import sys

from . import main

sys.exit(main())
