"""Entry point of `python -m emotrace` and of the command `emotrace`."""

import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line. An interrupt while it is being imported ends the process without a traceback."""
    try:
        from emotrace.cli.app import main as run
    except KeyboardInterrupt:
        sys.stderr.write("emotrace: interrupted\n")
        sys.stderr.flush()
        os._exit(130)
    run()


if __name__ == "__main__":
    main()
