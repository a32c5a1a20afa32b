"""Ways to damage a model folder that lies on disk."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fuzz.mutations import Chance, flip_bits, mutated
from fuzz.networks import other_networks

FILES = ("config.json", "model.onnx", "README.md")
VALUES: tuple[Any, ...] = (  # what no setting, or hardly one, can be
    None, True, -1, 0, 1, 2, 3, 0.5, 1e-300, 1e300, -1e300, 2**31, 2**63, 10**18, 10**400, float("nan"),
    float("inf"),
    "", "x", "0", "\x1b[31m", "a\nb", "\ud800", [], [1], {}, {"a": 1}, {"0": "a"}, [[]] * 3, "9" * 5_000,
)  # fmt: skip


def damage(folder: Path, pristine: Path, chance: Chance) -> str:
    """Copy a model folder and damage the copy in one way, which is named."""
    shutil.copytree(pristine, folder)
    ways = [
        _bytes,
        _values,
        _values,
        _values,
        _labels,
        _lists,
        _links,
        _kinds,
        _documents,
        _networks,
        _signed,
    ]
    way = ways[int(chance.integers(len(ways)))]
    return f"{way.__name__.strip('_')}: {way(folder, chance)}"


def change(folder: Path, **changes: Any) -> None:
    """Write other values into `config.json`."""
    content = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**content, **changes}))


def sign(folder: Path) -> None:
    """List the files as they are now, as one would who means harm."""
    hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES[1:]}
    change(folder, sha256=hashes)


def _one_of(things: Any, chance: Chance) -> Any:
    things = list(things)
    return things[int(chance.integers(len(things)))]


def _bytes(folder: Path, chance: Chance) -> str:
    name = _one_of(FILES, chance)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(mutated(content, "model", [content[::-1]], chance))
    return name


def _values(folder: Path, chance: Chance) -> str:
    """One or two settings of another type or out of range, one of them inside another perhaps."""
    content = json.loads((folder / "config.json").read_text())
    changed = []
    for _ in range(int(chance.integers(1, 3))):
        inside, name = content, _one_of([*content, "colour"], chance)
        if isinstance(content.get(name), dict) and content[name] and chance.random() < 0.7:
            inside, name = content[name], _one_of(content[name], chance)
        if isinstance(inside.get(name), int | float) and chance.random() < 0.5:
            inside[name] *= _one_of((0.001, 0.5, 2, 1_000, 10**9, -1), chance)
        else:
            inside[name] = _one_of(VALUES, chance)
        changed.append(name)
    (folder / "config.json").write_text(json.dumps(content))
    return ", ".join(changed)


def _labels(folder: Path, chance: Chance) -> str:
    labels = _one_of(
        (["sadness", "anger"], ["anger"], ["anger"] * 2, ["anger", "sadness", "fear"], ["", " "]), chance
    )
    change(folder, id2label=dict(enumerate(labels)), label2id={label: i for i, label in enumerate(labels)})
    return str(labels)


def _lists(folder: Path, chance: Chance) -> str:
    """Files that are not listed, listed with another hash, or listed and not there."""
    listed = json.loads((folder / "config.json").read_text())["sha256"]
    name = _one_of(
        ("extra.bin", "model.onnx", "README.md", "../outside.bin", "/etc/hostname", "a" * 5_000, "."), chance
    )
    if chance.random() < 0.3:
        (folder / "extra.bin").write_bytes(b"extra")
    hashes = ("0" * 64, "F" * 64, "0", "", None, hashlib.sha256(b"extra").hexdigest())
    if chance.random() < 0.3:
        listed.pop(name, None)
    else:
        listed[name] = _one_of(hashes, chance)
    change(folder, sha256=listed)
    return name[:20]


def _links(folder: Path, chance: Chance) -> str:
    """Links that point outside, at themselves, at nothing, or at what never ends."""
    name = _one_of(FILES, chance)
    outside = folder.parent / f"{folder.name}-outside"
    shutil.copy(folder / name, outside)
    (folder / name).unlink()
    target = _one_of((outside, name, "nowhere", "/dev/zero", "/dev/null", "..", FILES[1]), chance)
    (folder / name).symlink_to(target)
    return f"{name} to {Path(target).name}"


def _kinds(folder: Path, chance: Chance) -> str:
    """A folder, a pipe, nothing or too little in place of a file; a file in place of the folder."""
    name, kind = _one_of(FILES, chance), _one_of(("folder", "pipe", "nothing", "empty", "no folder"), chance)
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


def _documents(folder: Path, chance: Chance) -> str:
    """A config that is deep, huge, in another encoding, said twice or of another shape."""
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
        "said twice": lambda: text.replace('"name"', '"name": "other", "name"').encode(),
        "UTF-16": lambda: text.encode("utf-16"),
        "byte order mark": lambda: text.encode("utf-8-sig"),
        "Latin-1": lambda: text.replace("tiny", "Übung").encode("latin-1"),
        "two documents": lambda: (text * 2).encode(),
        "no object": lambda: _one_of((b"", b"null", b"[]", b"1", b'"x"', b"{", b"NaN", b"\0"), chance),
    }
    name = _one_of(documents, chance)
    (folder / "config.json").write_bytes(documents[name]())
    return str(name)


def _networks(folder: Path, chance: Chance) -> str:
    """Another network, listed as it is."""
    (folder.parent / "outside.bin").write_bytes(bytes(100_000))
    ways = other_networks(folder)
    name = _one_of(ways, chance)
    (folder / "model.onnx").write_bytes(ways[name]())
    sign(folder)
    return str(name)


def _signed(folder: Path, chance: Chance) -> str:
    """A few bits of the network turned, or its end cut, and listed as it is."""
    content = (folder / "model.onnx").read_bytes()
    cut = chance.random() < 0.3
    damaged = content[: int(chance.integers(len(content)))] if cut else flip_bits(content, chance)
    (folder / "model.onnx").write_bytes(damaged)
    sign(folder)
    return "cut" if cut else "bits"
