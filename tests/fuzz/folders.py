"""Ways to damage a model folder on disk."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fuzz.mutations import Generator, flip_bits, mutated
from fuzz.networks import other_networks

FILES = ("config.json", "model.onnx", "README.md")
VALUES: tuple[Any, ...] = (  # hardly any setting accepts these
    None, True, -1, 0, 1, 2, 3, 0.5, 1e-300, 1e300, -1e300, 2**31, 2**63, 10**18, 10**400, float("nan"),
    float("inf"),
    "", "x", "0", "\x1b[31m", "a\nb", "\ud800", [], [1], {}, {"a": 1}, {"0": "a"}, [[]] * 3, "9" * 5_000,
)  # fmt: skip


def damage(folder: Path, pristine: Path, random: Generator) -> str:
    """Copy a model folder, damage the copy in one way, and return the name of the way."""
    shutil.copytree(pristine, folder)
    ways = [
        _bytes,
        _values,
        _values,
        _values,
        _labels,
        _lists,
        _links,
        _file_types,
        _documents,
        _networks,
        _signed,
    ]
    way = ways[int(random.integers(len(ways)))]
    return f"{way.__name__.strip('_')}: {way(folder, random)}"


def change(folder: Path, **changes: Any) -> None:
    """Change values in `config.json`."""
    content = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**content, **changes}))


def sign(folder: Path) -> None:
    """List the current hashes of the files, as an attacker would."""
    hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES[1:]}
    change(folder, sha256=hashes)


def _choose(things: Any, random: Generator) -> Any:
    things = list(things)
    return things[int(random.integers(len(things)))]


def _bytes(folder: Path, random: Generator) -> str:
    name = _choose(FILES, random)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(mutated(content, "model", [content[::-1]], random))
    return name


def _values(folder: Path, random: Generator) -> str:
    """Give one or two settings, perhaps nested ones, a value of another type or out of range."""
    content = json.loads((folder / "config.json").read_text())
    changed = []
    for _ in range(int(random.integers(1, 3))):
        inside, name = content, _choose([*content, "colour"], random)
        if isinstance(content.get(name), dict) and content[name] and random.random() < 0.7:
            inside, name = content[name], _choose(content[name], random)
        if isinstance(inside.get(name), int | float) and random.random() < 0.5:
            inside[name] *= _choose((0.001, 0.5, 2, 1_000, 10**9, -1), random)
        else:
            inside[name] = _choose(VALUES, random)
        changed.append(name)
    (folder / "config.json").write_text(json.dumps(content))
    return ", ".join(changed)


def _labels(folder: Path, random: Generator) -> str:
    labels = _choose(
        (["sadness", "anger"], ["anger"], ["anger"] * 2, ["anger", "sadness", "fear"], ["", " "]), random
    )
    change(folder, id2label=dict(enumerate(labels)), label2id={label: i for i, label in enumerate(labels)})
    return str(labels)


def _lists(folder: Path, random: Generator) -> str:
    """Files that are not listed, are listed with another hash, or are listed but missing."""
    listed = json.loads((folder / "config.json").read_text())["sha256"]
    name = _choose(
        ("extra.bin", "model.onnx", "README.md", "../outside.bin", "/etc/hostname", "a" * 5_000, "."), random
    )
    if random.random() < 0.3:
        (folder / "extra.bin").write_bytes(b"extra")
    hashes = ("0" * 64, "F" * 64, "0", "", None, hashlib.sha256(b"extra").hexdigest())
    if random.random() < 0.3:
        listed.pop(name, None)
    else:
        listed[name] = _choose(hashes, random)
    change(folder, sha256=listed)
    return name[:20]


def _links(folder: Path, random: Generator) -> str:
    """Symbolic links to the outside, to themselves, to nothing, or to an endless device."""
    name = _choose(FILES, random)
    outside = folder.parent / f"{folder.name}-outside"
    shutil.copy(folder / name, outside)
    (folder / name).unlink()
    target = _choose((outside, name, "nowhere", "/dev/zero", "/dev/null", "..", FILES[1]), random)
    (folder / name).symlink_to(target)
    return f"{name} to {Path(target).name}"


def _file_types(folder: Path, random: Generator) -> str:
    """A folder, a pipe, nothing or an empty file in place of a file; a file in place of the folder."""
    name, kind = _choose(FILES, random), _choose(("folder", "pipe", "nothing", "empty", "no folder"), random)
    (folder / name).unlink()
    if kind == "folder":
        (folder / name).mkdir()
    elif kind == "pipe":
        os.mkfifo(folder / name)
    elif kind == "empty":
        (folder / name).touch()
    elif kind == "no folder":
        shutil.rmtree(folder)
        folder.touch()
    return f"{kind} for {name}"


def _documents(folder: Path, random: Generator) -> str:
    """A config that is deep, huge, in another encoding, has a key twice or is no object."""
    text = (folder / "config.json").read_text()
    figures = ", ".join(f'"{i}": {{"value": 0}}' for i in range(200_000))
    documents: dict[str, Callable[[], bytes]] = {
        "deep list": lambda: b"[" * 1_000_000,
        "deep recipe": lambda: text.replace(
            '"recipe": {}', '"recipe": {"a": ' + "[" * 500_000 + "]" * 500_000 + "}"
        ).encode(),
        "less deep recipe": lambda: text.replace(
            '"recipe": {}', '"recipe": {"a": ' + "[" * 180 + "]" * 180 + "}"
        ).encode(),
        "huge": lambda: text.replace('"corpus": ""', '"corpus": "' + "x" * 30_000_000 + '"').encode(),
        "many figures": lambda: text.replace('"figures": {}', '"figures": {' + figures + "}").encode(),
        "spaces": lambda: text.encode() + b" " * 30_000_000,
        "key twice": lambda: text.replace('"name"', '"name": "other", "name"').encode(),
        "UTF-16": lambda: text.encode("utf-16"),
        "byte order mark": lambda: text.encode("utf-8-sig"),
        "Latin-1": lambda: text.replace("tiny", "Übung").encode("latin-1"),
        "two documents": lambda: (text * 2).encode(),
        "no object": lambda: _choose((b"", b"null", b"[]", b"1", b'"x"', b"{", b"NaN", b"\0"), random),
    }
    name = _choose(documents, random)
    (folder / "config.json").write_bytes(documents[name]())
    return str(name)


def _networks(folder: Path, random: Generator) -> str:
    """Another network, with its true hash."""
    (folder.parent / "outside.bin").write_bytes(bytes(100_000))
    ways = other_networks(folder)
    name = _choose(ways, random)
    (folder / "model.onnx").write_bytes(ways[name]())
    sign(folder)
    return str(name)


def _signed(folder: Path, random: Generator) -> str:
    """A network with a few bits flipped or its end cut, with its true hash."""
    content = (folder / "model.onnx").read_bytes()
    cut = random.random() < 0.3
    damaged = content[: int(random.integers(len(content)))] if cut else flip_bits(content, random)
    (folder / "model.onnx").write_bytes(damaged)
    sign(folder)
    return "cut" if cut else "bits"
