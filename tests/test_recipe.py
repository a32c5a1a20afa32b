import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from emotrace.errors import RecipeError
from emotrace.recipe import SHIPPED, Recipe, laid_over, load_recipe


def written(folder: Path, text: str, name: str = "mine.toml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_the_paper_recipe_is_what_the_paper_and_keras_say() -> None:
    paper = load_recipe(["paper"])
    assert (paper.stage1.optimiser, paper.stage2.optimiser) == ("adam", "adadelta")
    assert (paper.stage1.learning_rate, paper.stage2.learning_rate) == (3e-4, 4e-3)
    assert (paper.stage1.lr_decay, paper.stage2.lr_decay) == (1e-6, 1e-6)
    assert (paper.stage1.batch_size, paper.stage2.batch_size) == (32, 64)
    assert (paper.stage1.epochs, paper.stage2.epochs) == (100, 200)
    assert (paper.stage1.schedule, paper.stage2.schedule) == ("keras", "keras")
    assert paper.weights == "glorot"
    assert paper.front.batch_norm_momentum == pytest.approx(1 - 0.99)  # Keras keeps .99 of the old mean
    assert paper.front.batch_norm_eps == 1e-3
    assert (paper.features.n_mels, paper.features.channels, paper.features.delta_reach) == (40, 3, 3)
    assert (paper.front.width, paper.front.reduction, paper.front.layout) == (64, 8, "branch-pool")
    assert paper.back.dilations == (1, 2, 4, 8, 16, 32, 64, 128)
    assert (paper.back.width, paper.back.stacks, paper.back.causal) == (128, 2, True)
    assert (paper.back.heads, paper.back.residual, paper.back.dropout) == (1, False, 0.05)
    assert (paper.masked, paper.max_frames, paper.ctc_target) == (True, 500, "single")


def test_the_paper_recipe_has_none_of_what_the_paper_does_not_have() -> None:
    paper = load_recipe(["paper"])
    sizes = ("_frames", "_bands", "noisy")
    assert not any(value for key, value in paper.augmentation if not key.endswith(sizes))
    for stage in (paper.stage1, paper.stage2):
        assert (stage.weight_decay, stage.label_smoothing, stage.class_weights) == (0, 0, "none")


def test_the_paper_recipe_lets_nothing_of_the_default_show_through() -> None:
    read = [tomllib.loads((SHIPPED / f"{name}.toml").read_text("utf-8")) for name in ("default", "paper")]
    default, paper = read
    for key, value in default.items():
        keys = [(key, name) for name in value] if isinstance(value, dict) else [(key,)]
        for place in keys:
            within = paper
            for part in place:
                assert part in within, f"{'.'.join(place)} is set by default.toml and not by paper.toml"
                within = within[part]


@pytest.mark.parametrize("file", sorted(SHIPPED.glob("*.toml")), ids=lambda file: file.stem)
def test_every_shipped_recipe_loads_by_its_name_and_keeps_all_it_says(file: Path) -> None:
    recipe = load_recipe([file.stem])
    assert recipe == load_recipe([file])
    settings = tomllib.loads(file.read_text(encoding="utf-8"))
    dumped = recipe.model_dump(mode="json")
    assert laid_over(dumped, settings) == dumped


@pytest.mark.parametrize("below", ["default", "paper", "table"])
def test_static_changes_the_channels_of_any_recipe_and_nothing_else(below: str) -> None:
    whole, static = load_recipe([below]), load_recipe([below, "static"])
    assert (whole.features.channels, static.features.channels) == (3, 1)
    assert laid_over(static.model_dump(), {"features": {"channels": 3}}) == whole.model_dump()


def test_no_file_means_the_default_recipe() -> None:
    assert load_recipe() == load_recipe(["default"])


def test_a_later_file_wins_and_what_it_does_not_name_stays(tmp_path: Path) -> None:
    first = written(tmp_path, 'masked = false\n[front]\nwidth = 16\nlayout = "inception"\n', "first.toml")
    second = written(tmp_path, "[front]\nwidth = 32\n[stage2]\nepochs = 3\n", "second.toml")
    recipe = load_recipe([first, second])
    assert (recipe.masked, recipe.front.width, recipe.front.layout) == (False, 32, "inception")
    assert recipe.stage2.epochs == 3
    assert recipe.stage2.optimiser == load_recipe().stage2.optimiser
    assert recipe.front.reduction == load_recipe().front.reduction
    assert load_recipe([second, first]).front.width == 16


def test_a_stage_named_in_part_keeps_its_other_settings(tmp_path: Path) -> None:
    recipe = load_recipe(["paper", written(tmp_path, "[stage1]\nbatch_size = 4\n")])
    assert recipe.stage1 == load_recipe(["paper"]).stage1.model_copy(update={"batch_size": 4})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("flux = 1", r"unknown recipe key flux; known here: features, front, "),
        ("[front]\nwdith = 64", r"unknown recipe key front\.wdith; known here: layout, width, "),
        ('[front]\nlayout = "keras"', r"recipe key front\.layout is 'keras': .*'branch-pool'"),
        ("[front]\nwidth = 0", r"recipe key front\.width is 0: .*greater than or equal to 8"),
        ('[front]\nwidth = "wide"', r"recipe key front\.width is 'wide': "),
        ("front = 3", r"recipe key front is 3: "),
        ("[back]\ndropout = 1.0", r"recipe key back\.dropout is 1\.0: .*less than 1"),
        ("[back]\ndilations = [1, 0]", r"recipe key back\.dilations\.1 is 0: "),
        ("[back]\ndilations = []", r"recipe key back\.dilations is \[\]: "),
        ("[stage1]\nlearning_rate = -1.0", r"recipe key stage1\.learning_rate is -1\.0: .*greater than 0"),
        ("[stage1]\nlearning_rate = inf", r"recipe key stage1\.learning_rate is inf: .*finite"),
        ("[stage1]\nlearning_rate = nan", r"recipe key stage1\.learning_rate is nan: .*finite"),
        ("[features]\nn_mels = 40.5", r"recipe key features\.n_mels is 40\.5: "),
        ("max_frames = 15", r"recipe key max_frames is 15: .*greater than or equal to 16"),
        ("[front\nwidth = 64", r"mine\.toml is not a TOML file: "),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_expected(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(RecipeError, match=complaint) as caught:
        load_recipe([written(tmp_path, text)])
    assert "\n" not in str(caught.value)


def test_two_wrong_settings_are_both_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"front\.width.*; .*back\.stacks"):
        load_recipe([written(tmp_path, "[front]\nwidth = 1\n[back]\nstacks = 0\n")])


def test_a_missing_recipe_is_answered_with_those_there_are() -> None:
    with pytest.raises(RecipeError, match=r"no recipe papre; give a TOML file or one of default, .*paper"):
        load_recipe(["papre"])


def test_bytes_that_are_not_text_are_not_a_recipe(tmp_path: Path) -> None:
    file = tmp_path / "speech.toml"
    file.write_bytes(b"RIFF\xff\xfe\x00\x80WAVE")
    with pytest.raises(RecipeError, match=r"speech\.toml is not a TOML file"):
        load_recipe([file])


def test_a_folder_is_not_a_recipe(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot be read"):
        load_recipe([tmp_path])


def test_a_folder_of_the_same_name_does_not_hide_a_shipped_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paper = load_recipe(["paper"])
    (tmp_path / "paper").mkdir()  # the output of a run, say
    monkeypatch.chdir(tmp_path)
    assert load_recipe(["paper"]) == paper


def test_a_recipe_cannot_be_changed() -> None:
    recipe = Recipe()
    with pytest.raises(ValidationError, match="frozen"):
        recipe.masked = False  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        recipe.front.width = 32  # type: ignore[misc]


def test_laying_over_leaves_both_layers_as_they_were() -> None:
    below, above = {"a": {"b": 1, "c": 2}}, {"a": {"c": 3}, "d": 4}
    assert laid_over(below, above) == {"a": {"b": 1, "c": 3}, "d": 4}
    assert (below, above) == ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}, "d": 4})
