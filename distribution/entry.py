"""Where the program of the file, the image and the package begins."""

import sys

from app.cli.main import main

sys.exit(main())
