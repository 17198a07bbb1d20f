"""``python -m stepdown``: the command line."""

from stepdown.cli import main

if __name__ == "__main__":
    main()
