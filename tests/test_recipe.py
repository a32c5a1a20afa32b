import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from emotrace.errors import RecipeError
from emotrace.inference.pretrained import pretrained_model
from emotrace.recipe import Recipe, Section
from emotrace.recipes import SHIPPED, load_recipe, merge_settings, resolve


def write_toml(folder: Path, text: str, name: str = "mine.toml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def read_toml(name: str) -> dict[str, Any]:
    return tomllib.loads((SHIPPED / f"{name}.toml").read_text(encoding="utf-8"))


def dotted_keys(settings: dict[str, Any], prefix: str = "") -> set[str]:
    keys = set()
    for key, value in settings.items():
        keys |= dotted_keys(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}"}
    return keys


def sections() -> Iterator[tuple[str, type[Section]]]:
    """The name, with a dot, and the class of the recipe and of each of its tables."""
    yield "", Recipe
    for name, field in Recipe.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield f"{name}.", field.annotation


OLD_NAMES = [(prefix, old) for prefix, section in sections() for old in section.OLD_NAMES]
REMOVED = [(prefix, name) for prefix, section in sections() for name in section.REMOVED]


def with_old_names(settings: dict[str, Any], section: type[Section] = Recipe) -> dict[str, Any]:
    """Resolved settings as an earlier version wrote them: under old names and with the removed settings."""
    old_names = {current: old for old, current in section.OLD_NAMES.items()}
    old: dict[str, Any] = dict(section.REMOVED)
    for name, value in settings.items():
        annotation = section.model_fields[name].annotation
        if isinstance(annotation, type) and issubclass(annotation, Section):
            value = with_old_names(value, annotation)
        old[old_names.get(name, name)] = value
    return old


def test_the_paper_recipe_has_the_values_of_the_paper_and_of_keras() -> None:
    paper = load_recipe(["paper"])
    assert (paper.stage1.optimiser, paper.stage2.optimiser) == ("adam", "adadelta")
    assert (paper.stage1.learning_rate, paper.stage2.learning_rate) == (3e-4, 4e-3)
    assert (paper.stage1.lr_decay, paper.stage2.lr_decay) == (1e-6, 1e-6)
    assert (paper.stage1.batch_size, paper.stage2.batch_size) == (32, 64)
    assert (paper.stage1.epochs, paper.stage2.epochs) == (100, 200)
    assert (paper.stage1.schedule, paper.stage2.schedule) == ("keras", "keras")
    assert paper.weights == "glorot"
    assert paper.front.batch_norm_momentum == pytest.approx(1 - 0.99)  # Keras weights the old mean
    assert paper.front.batch_norm_eps == 1e-3
    assert (paper.features.n_mels, paper.features.channels, paper.features.delta_reach) == (40, 3, 3)
    assert (paper.front.width, paper.front.reduction, paper.front.layout) == (64, 8, "branch-pool")
    assert paper.back.dilations == (1, 2, 4, 8, 16, 32, 64, 128)
    assert (paper.back.width, paper.back.stacks, paper.back.causal) == (128, 2, True)
    assert (paper.back.heads, paper.back.residual, paper.back.dropout) == (1, False, 0.05)
    assert (paper.masked, paper.max_frames, paper.ctc_target) == (True, 500, "single")


def test_the_paper_recipe_turns_off_what_the_paper_does_not_use() -> None:
    paper = load_recipe(["paper"])
    sizes = ("_frames", "_bands")
    assert not any(value for key, value in paper.augmentation if not key.endswith(sizes))
    for stage in (paper.stage1, paper.stage2):
        assert (stage.weight_decay, stage.label_smoothing, stage.class_weights) == (0, 0, "none")


def test_the_paper_recipe_has_the_class_weights_of_table_3_on_fau_aec_alone() -> None:
    paper, on_fau = load_recipe(["paper"]), load_recipe(["paper"], "fau-aibo")
    for stage in ("stage1", "stage2"):
        weighted = getattr(paper, stage).model_copy(update={"class_weights": "fau-aec"})
        assert getattr(on_fau, stage) == weighted
    assert load_recipe(["paper"], "iemocap") == paper
    assert load_recipe(["paper", "static"], "fau-aibo").stage1.class_weights == "fau-aec"
    assert load_recipe([], "fau-aibo") == load_recipe()
    assert load_recipe(["paper"], "../paper") == paper


def test_the_paper_recipe_sets_every_key_of_the_default_recipe() -> None:
    assert dotted_keys(read_toml("default")) <= dotted_keys(read_toml("paper"))


@pytest.mark.parametrize("file", sorted(SHIPPED.glob("*.toml")), ids=lambda file: file.stem)
def test_every_shipped_recipe_loads_by_name_with_all_its_settings(file: Path) -> None:
    recipe = load_recipe([file.stem])
    assert recipe == load_recipe([file])
    settings = read_toml(file.stem)
    dumped = recipe.model_dump(mode="json")
    assert merge_settings(dumped, settings) == dumped


@pytest.mark.parametrize("below", ["default", "paper", "table"])
def test_static_changes_the_channels_of_any_recipe_and_nothing_else(below: str) -> None:
    whole, static = load_recipe([below]), load_recipe([below, "static"])
    assert (whole.features.channels, static.features.channels) == (3, 1)
    assert merge_settings(static.model_dump(), {"features": {"channels": 3}}) == whole.model_dump()


def test_without_files_the_default_recipe_is_loaded() -> None:
    assert load_recipe() == load_recipe(["default"])


def test_later_files_win_and_other_settings_stay(tmp_path: Path) -> None:
    first = write_toml(tmp_path, 'masked = false\n[front]\nwidth = 16\nlayout = "inception"\n', "first.toml")
    second = write_toml(tmp_path, "[front]\nwidth = 32\n[stage2]\nepochs = 3\n", "second.toml")
    recipe = load_recipe([first, second])
    assert (recipe.masked, recipe.front.width, recipe.front.layout) == (False, 32, "inception")
    assert recipe.stage2.epochs == 3
    assert recipe.stage2.optimiser == load_recipe().stage2.optimiser
    assert recipe.front.reduction == load_recipe().front.reduction
    assert load_recipe([second, first]).front.width == 16


def test_a_partial_section_keeps_its_other_settings(tmp_path: Path) -> None:
    recipe = load_recipe(["paper", write_toml(tmp_path, "[stage1]\nbatch_size = 4\n")])
    assert recipe.stage1 == load_recipe(["paper"]).stage1.model_copy(update={"batch_size": 4})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flux = 1", r"unknown recipe key flux; known here: features, front, "),
        ("[front]\nwdith = 64", r"unknown recipe key front\.wdith; known here: encoder, layers, layout, "),
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
def test_a_wrong_setting_is_named_with_what_was_expected(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        load_recipe([write_toml(tmp_path, text)])
    assert "\n" not in str(caught.value)


def test_the_error_names_every_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"front\.width.*; .*back\.stacks"):
        load_recipe([write_toml(tmp_path, "[front]\nwidth = 1\n[back]\nstacks = 0\n")])


def test_the_error_for_an_unknown_recipe_lists_the_known_ones() -> None:
    with pytest.raises(RecipeError, match=r"no recipe papre; give a TOML file or one of default, .*paper"):
        load_recipe(["papre"])


def test_a_name_that_is_not_in_a_list_is_refused() -> None:
    with pytest.raises(RecipeError, match="found the recipe 'paper' alone, expected a list"):
        load_recipe("paper")


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "speech.toml"
    file.write_bytes(b"RIFF\xff\xfe\x00\x80WAVE")
    with pytest.raises(RecipeError, match=r"speech\.toml is not a TOML file"):
        load_recipe([file])


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot be read"):
        load_recipe([tmp_path])


def test_a_folder_of_the_same_name_does_not_hide_a_shipped_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paper = load_recipe(["paper"])
    (tmp_path / "paper").mkdir()  # such as the output of a run
    monkeypatch.chdir(tmp_path)
    assert load_recipe(["paper"]) == paper


def test_a_recipe_cannot_be_changed() -> None:
    recipe = Recipe()
    with pytest.raises(ValidationError, match="frozen"):
        recipe.masked = False  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        recipe.front.width = 32  # type: ignore[misc]


def test_merging_settings_does_not_change_its_arguments() -> None:
    below, above = {"a": {"b": 1, "c": 2}}, {"a": {"c": 3}, "d": 4}
    assert merge_settings(below, above) == {"a": {"b": 1, "c": 3}, "d": 4}
    assert (below, above) == ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}, "d": 4})


def toml_with(prefix: str, *lines: str) -> str:
    """TOML with lines in the table that the prefix names."""
    return "\n".join(([f"[{prefix.removesuffix('.')}]"] if prefix else []) + list(lines)) + "\n"


def setting(recipe: Recipe, name: str) -> Any:
    for part in name.split("."):
        recipe = getattr(recipe, part)
    return recipe


@pytest.mark.parametrize(("prefix", "old"), OLD_NAMES)
def test_a_toml_file_can_use_old_names(tmp_path: Path, prefix: str, old: str) -> None:
    name = prefix + dict(sections())[prefix].OLD_NAMES[old]
    value = setting(load_recipe(["paper"]), name)
    file = write_toml(tmp_path, toml_with(prefix, f"{old} = {json.dumps(value)}"))
    assert setting(load_recipe([file]), name) == value


@pytest.mark.parametrize(("prefix", "old"), OLD_NAMES)
def test_a_wrong_value_under_an_old_name_is_refused(tmp_path: Path, prefix: str, old: str) -> None:
    name = prefix + dict(sections())[prefix].OLD_NAMES[old]
    with pytest.raises(RecipeError, match=rf"^recipe key {name} is \[\]: "):
        load_recipe([write_toml(tmp_path, toml_with(prefix, f"{old} = []"))])


@pytest.mark.parametrize(("prefix", "old"), OLD_NAMES)
def test_a_setting_under_both_of_its_names_is_refused(tmp_path: Path, prefix: str, old: str) -> None:
    current = dict(sections())[prefix].OLD_NAMES[old]
    file = write_toml(tmp_path, toml_with(prefix, f"{old} = 1", f"{current} = 1"))
    with pytest.raises(RecipeError, match=rf"mine\.toml: recipe key {prefix}{current} is given twice"):
        load_recipe([file])


@pytest.mark.parametrize(("prefix", "name"), REMOVED)
def test_a_removed_setting_is_ignored_if_off_and_refused_if_on(
    tmp_path: Path, prefix: str, name: str
) -> None:
    off = dict(sections())[prefix].REMOVED[name]
    assert load_recipe([write_toml(tmp_path, toml_with(prefix, f"{name} = {off}"))]) == load_recipe()
    with pytest.raises(RecipeError, match=rf"recipe key {prefix}{name} is 0\.5, but this setting no longer"):
        load_recipe([write_toml(tmp_path, toml_with(prefix, f"{name} = 0.5"))])


HOSTILE = {
    "a key of many parts": "a." * 50_000 + "a = 1",
    "a quoted key of many parts": '"a b".' * 50_000 + "a = 1",
    "a table of many parts": "[" + "a . " * 50_000 + "a]",
    "arrays in arrays": "a = " + "[" * 50_000,
    "tables in tables": "a = " + "{a = " * 50_000,
    "a long word": "a" * 500_000,
    "a large file": "# " + "x" * (2 << 20),
}


@pytest.mark.parametrize("content", HOSTILE)
def test_hostile_recipes_are_refused_in_one_short_line(tmp_path: Path, content: str) -> None:
    """A key of 40 kB took 2 GiB, so each of these would take more memory than there is, or a traceback."""
    with pytest.raises(RecipeError) as error:
        load_recipe([write_toml(tmp_path, HOSTILE[content])])
    assert len(str(error.value)) < 400
    assert "\n" not in str(error.value)


def test_an_unknown_key_beside_an_old_name_is_refused_with_the_known_keys(tmp_path: Path) -> None:
    file = write_toml(tmp_path, "[features]\nbands = 40\nbnads = 40\n")
    with pytest.raises(RecipeError, match=r"unknown recipe key features\.bnads; known here: n_mels"):
        load_recipe([file])


@pytest.mark.parametrize("name", ["default", "paper", "table", "demo"])
def test_resolved_settings_of_an_earlier_version_are_read(name: str) -> None:
    recipe = load_recipe([name])
    assert resolve(with_old_names(recipe.model_dump(mode="json"))) == recipe


def test_the_recipe_of_an_old_run_is_read() -> None:
    # As an earlier version wrote it to recipe.json; some settings did not exist yet.
    old = with_old_names(load_recipe().model_dump(mode="json"))
    for later in ("views", "refit"):
        del old[later]
    run = json.loads(json.dumps({"system": "pcnse", "recipe": old}))
    defaults = {"stage2_views": Recipe().stage2_views, "refit_on_validation": Recipe().refit_on_validation}
    assert Recipe.model_validate(run["recipe"]) == load_recipe().model_copy(update=defaults)


def test_the_recipe_of_the_shipped_model_is_read() -> None:
    config = json.loads((pretrained_model() / "config.json").read_text(encoding="utf-8"))
    recipe = resolve(config["recipe"])
    assert (recipe.features.n_mels, recipe.features.dynamic_range_db) == (40, 45)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"flux": 1}, "unknown recipe key flux"),
        ({"stage1": {"epochs": 3}}, r"recipe key stage1\.learning_rate is missing"),
        ({"augmentation": {"noisy": 0.5}}, r"recipe key augmentation\.noisy is 0\.5, but this setting no"),
        ({"features": 3}, "recipe key features is 3: "),
    ],
)
def test_wrong_settings_are_recipe_errors(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        resolve(settings)
