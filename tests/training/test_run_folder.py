"""A run folder holds one run, and errors name what is wrong with it."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from emotrace.errors import RunError
from emotrace.recipe import Front, Recipe
from emotrace.training.constants import training_constants
from emotrace.training.run_folder import create_or_resume, read_run


def recipe(width: int = 64, stage2_views: int = 1) -> dict[str, Any]:
    return Recipe(front=Front(width=width), stage2_views=stage2_views).model_dump(mode="json")


FINGERPRINT = {"corpus": "emodb", "seed": 1, "recipe": recipe(), "constants": training_constants()}


def test_a_run_folder_is_created_once_and_then_resumed(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there" / "yet"
    create_or_resume(folder, FINGERPRINT)
    before = (folder / "recipe.json").read_bytes()
    (folder / "anything.txt").touch()
    create_or_resume(folder, FINGERPRINT)
    assert (folder / "recipe.json").read_bytes() == before


def test_a_setting_newer_than_the_run_has_its_default(tmp_path: Path) -> None:
    create_or_resume(tmp_path / "run", FINGERPRINT)
    path = tmp_path / "run" / "recipe.json"
    old = json.loads(path.read_text())
    del old["recipe"]["stage2_views"]
    path.write_text(json.dumps(old))
    create_or_resume(tmp_path / "run", FINGERPRINT)
    with pytest.raises(RunError, match=r"with another recipe\.stage2_views;"):
        create_or_resume(tmp_path / "run", {**FINGERPRINT, "recipe": recipe(stage2_views=2)})


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"corpus": "ravdess"}, "corpus"),
        ({"seed": 2}, "seed"),
        ({"recipe": recipe(width=32)}, r"recipe\.front\.width"),
        ({"recipe": recipe(stage2_views=2), "seed": 3}, r"seed, recipe\.stage2_views"),
        ({"system": "pcn"}, "system"),
    ],
)
def test_a_folder_of_another_run_is_refused_with_the_differing_setting(
    tmp_path: Path, change: dict[str, object], named: str
) -> None:
    create_or_resume(tmp_path / "run", FINGERPRINT)
    with pytest.raises(RunError, match=rf"run holds a run with another {named};"):
        create_or_resume(tmp_path / "run", {**FINGERPRINT, **change})


def test_a_run_that_has_trained_nothing_may_go_on_with_fewer_utterances(tmp_path: Path) -> None:
    before, after = {**FINGERPRINT, "utterances": 20}, {**FINGERPRINT, "utterances": 19}
    create_or_resume(tmp_path, before)
    create_or_resume(tmp_path, after)
    (tmp_path / "front").mkdir()
    (tmp_path / "front" / "weights").touch()
    create_or_resume(tmp_path, after)
    with pytest.raises(RunError, match=r"on 19 utterances, and the corpus now has 20; restore"):
        create_or_resume(tmp_path, before)


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunError, match="holds other files"):
        create_or_resume(tmp_path, FINGERPRINT)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_the_error_for_a_damaged_recipe_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text("{")
    with pytest.raises(RunError, match=r"recipe\.json is damaged; .*delete"):
        create_or_resume(tmp_path, FINGERPRINT)


def test_unfinished_files_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".unfinished-0123456789ab.json").write_text("{")
    create_or_resume(tmp_path, FINGERPRINT)
    create_or_resume(tmp_path, FINGERPRINT)
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.json"]


def test_the_network_of_a_finished_run_is_restored(finished_run: Path) -> None:
    run, recipe, network = read_run(finished_run)
    assert run.system == "pcnse-sadrn-ctc"
    assert recipe.back.dilations == (1, 2)
    assert not network.training
    again = read_run(finished_run)[2]
    audio = torch.randn(1, 9000, generator=torch.Generator().manual_seed(0)), torch.tensor([9000])
    with torch.inference_mode():
        assert torch.equal(network(*audio)[0], again(*audio)[0])


def copied(source: Path, target: Path) -> Path:
    target.mkdir()
    for name in ("recipe.json", "run.json", "weights.safetensors", "predictions.csv"):
        (target / name).write_bytes((source / name).read_bytes())
    return target


@pytest.mark.parametrize("name", ["recipe.json", "run.json", "weights.safetensors"])
def test_the_error_for_an_incomplete_run_names_the_missing_file(
    finished_run: Path, tmp_path: Path, name: str
) -> None:
    folder = copied(finished_run, tmp_path / "deeper")
    (folder / name).unlink()
    with pytest.raises(RunError, match=f"has no {name}; give a folder that"):
        read_run(folder)


@pytest.mark.parametrize("name", ["recipe.json", "run.json", "weights.safetensors"])
def test_the_error_for_a_damaged_run_is_one_line(finished_run: Path, tmp_path: Path, name: str) -> None:
    folder = copied(finished_run, tmp_path / "run")
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RunError, match="run is damaged") as error:
        read_run(folder)
    assert "\n" not in str(error.value)


def test_weights_of_another_shape_are_refused(finished_run: Path, tmp_path: Path) -> None:
    folder = copied(finished_run, tmp_path / "run")
    settings = json.loads((folder / "recipe.json").read_text())
    settings["recipe"]["back"]["width"] = 16
    (folder / "recipe.json").write_text(json.dumps(settings))
    with pytest.raises(RunError, match="run is damaged"):
        read_run(folder)
