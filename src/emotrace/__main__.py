"""Entry point of `python -m emotrace`."""

from emotrace.cli.app import main

if __name__ == "__main__":
    main()
