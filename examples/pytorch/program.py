"""What the programs share: errors as one sentence and exit status 2, as pfad's own have it."""
import argparse
import sys
from pathlib import Path

from pfadseg import ProblemError

PICTURES = (".png", ".jpg", ".jpeg", ".bmp")


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"{self.prog}: {message}\n")


def run(main):
    """Ends the process with main's status."""
    try:
        sys.exit(main())
    except ProblemError as problem:
        print(f"{Path(sys.argv[0]).name}: {problem}", file=sys.stderr)
        sys.exit(2)


def make_folder(path):
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ProblemError(f"{path}: the folder cannot be made: {error.strerror}") from None


def pictures_in(folder, pattern="*"):
    """The pictures directly in a folder, or with "**/*" below it, by path; hidden ones are passed over."""
    found = sorted(path for path in Path(folder).glob(pattern)
                   if path.suffix.lower() in PICTURES and not path.name.startswith(".") and path.is_file())
    if not found:
        raise ProblemError(f"{folder}: there is no PNG, JPEG or BMP picture")
    return found
