"""The entry point of the program in the single file, the image and the package."""

import sys

from app.cli.main import main

sys.exit(main())
