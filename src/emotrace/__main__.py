"""`python -m emotrace`."""

from emotrace.cli import main

if __name__ == "__main__":
    main()
