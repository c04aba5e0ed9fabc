"""The public names are those of the stored list: none is lost, and none appears by accident.

After a change that is meant, `python -m tests.test_public_names` writes the list anew.
"""

import json
from pathlib import Path

import pytest

import simplezarr
import simplezarr.testing
import simplezarr.utils

LIST = Path(__file__).parent / "public_names.json"
OBJECTS = {
    "simplezarr": simplezarr,
    "simplezarr.Array": simplezarr.Array,
    "simplezarr.Group": simplezarr.Group,
    "simplezarr.Store": simplezarr.Store,
    "simplezarr.codecs": simplezarr.codecs,
    "simplezarr.testing": simplezarr.testing,
    "simplezarr.utils": simplezarr.utils,
}


def public_names(name):
    """Return the public names of an object: of a module those that it offers with `*`."""
    names = getattr(OBJECTS[name], "__all__", None) or dir(OBJECTS[name])
    return sorted(item for item in names if not item.startswith("_"))


@pytest.mark.parametrize("name", OBJECTS)
def test_names(name):
    assert public_names(name) == json.loads(LIST.read_text("utf-8"))[name]


if __name__ == "__main__":
    LIST.write_text(json.dumps({name: public_names(name) for name in OBJECTS}, indent=2) + "\n", "utf-8")
