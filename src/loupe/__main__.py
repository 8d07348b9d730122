"""`python -m loupe`: the command line."""

import sys

from loupe.cli import main

if __name__ == "__main__":
    sys.exit(main())
