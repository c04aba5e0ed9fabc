"""The examples of the documents as programs. `python -m tests.support.pages FOLDER` writes them for type checkers."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "guide").glob("*.md"))]


def blocks(path):
    """Return the blocks of Python of a document."""
    return re.findall(r"^```python\n(.*?)^```", path.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def write_program(path, folder):
    """Write the examples of a document, one after the other, as one program; return its path."""
    program = folder / f"page_{path.stem.lower().replace('-', '_')}.py"
    text = "\n".join(blocks(path))
    if "import torch" in text:  # it is not installed where types are checked
        text = f"# pyright: reportMissingImports=false\n{text}"
    program.write_text(text, "utf-8")
    return program


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir()
    for path in filter(blocks, PAGES):
        write_program(path, folder)
