"""`python -m stategate` is the command `stategate`."""

from stategate.server.cli import main

if __name__ == "__main__":
    main(prog_name="stategate")
