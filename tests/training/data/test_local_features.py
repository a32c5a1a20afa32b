"""Local features in files equal computed ones, are read again, and are kept apart."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from emotrace.errors import RunError
from emotrace.models.emotion_model import EmotionModel, build
from emotrace.recipe import Recipe
from emotrace.training import two_stage
from emotrace.training.data.examples import Example
from emotrace.training.data.local_features import LOCAL_FOLDER, forget_local_features, local_feature_examples
from emotrace.training.experiment import Experiment
from emotrace.training.precision import trains_in_bfloat16
from emotrace.training.progress import no_progress
from emotrace.training.split import SpeakerSplit, train_split


@pytest.fixture
def network(tiny_recipe: Recipe) -> EmotionModel:
    torch.manual_seed(0)
    return build(tiny_recipe, "pcnse-sadrn-ctc", 2)


@pytest.fixture
def examples() -> list[Example]:
    """Five clips, one of two windows."""
    random = torch.Generator().manual_seed(0)
    lengths = [(20,), (50, 30), (33,), (80,), (41,)]
    return [
        Example(str(i), "a", i % 2, (tuple(torch.randn(n, 18, generator=random) for n in of),), of)
        for i, of in enumerate(lengths)
    ]


def same(ours: list[Example], theirs: list[Example]) -> bool:
    return all(
        a.name == b.name and len(a.windows) == len(b.windows) and all(map(torch.equal, a.windows, b.windows))
        for a, b in zip(ours, theirs, strict=True)
    )


def test_stored_features_equal_computed_ones(
    network: EmotionModel, examples: list[Example], tmp_path: Path
) -> None:
    computed = local_feature_examples(network, examples)
    assert computed[1].windows[0].shape == (network.front.steps_out(50), network.front.features_out)
    assert same(local_feature_examples(network, examples, tmp_path), computed)
    assert len(list(tmp_path.iterdir())) == 1


def test_stored_features_are_read_without_running_the_front(
    network: EmotionModel, examples: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = local_feature_examples(network, examples, tmp_path)
    monkeypatch.setattr(type(network.front), "forward", None)
    assert same(local_feature_examples(network, examples, tmp_path), kept)


def test_other_examples_fronts_and_precisions_have_other_files(
    network: EmotionModel, examples: list[Example], tmp_path: Path
) -> None:
    local_feature_examples(network, examples, tmp_path)
    local_feature_examples(network, examples[:4], tmp_path)
    local_feature_examples(network, examples, tmp_path, torch.bfloat16)
    louder = [
        replace(example, views=(tuple(window + 1 for window in example.windows),)) for example in examples
    ]
    local_feature_examples(network, louder, tmp_path)
    next(iter(network.front.parameters())).data += 1e-6
    local_feature_examples(network, examples, tmp_path)
    assert len(list(tmp_path.iterdir())) == 5


def test_features_in_bfloat16_are_rounded_and_take_half_the_space(
    network: EmotionModel, examples: list[Example], tmp_path: Path
) -> None:
    whole, half = (
        local_feature_examples(network, examples, tmp_path, dtype)
        for dtype in (torch.float32, torch.bfloat16)
    )
    for a, b in zip(whole, half, strict=True):
        assert all(torch.equal(x.bfloat16(), y) for x, y in zip(a.windows, b.windows, strict=True))
    small, large = sorted(path.stat().st_size for path in tmp_path.iterdir())
    assert small < 0.55 * large


def test_no_file_is_written_for_no_examples(network: EmotionModel, tmp_path: Path) -> None:
    assert local_feature_examples(network, [], tmp_path) == []
    assert not list(tmp_path.iterdir())


def test_the_error_for_a_damaged_file_gives_advice(
    network: EmotionModel, examples: list[Example], tmp_path: Path
) -> None:
    local_feature_examples(network, examples, tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(RunError, match=rf"{file.name} is damaged .*delete it"):
        local_feature_examples(network, examples, tmp_path)


def test_the_error_for_a_full_disk_gives_advice(
    network: EmotionModel, examples: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise SafetensorError("No space left on device")

    monkeypatch.setattr("emotrace.training.data.local_features.save_file", full)
    with pytest.raises(RunError, match=r"cannot be written \(No space left on device\); free disk space"):
        local_feature_examples(network, examples, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def trained_in(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Experiment, SpeakerSplit]]:
    """In bfloat16, on processors too that are slow at it."""
    for module in ("two_stage", "loop"):
        monkeypatch.setattr(
            f"emotrace.training.{module}.trains_in_bfloat16", lambda precision, _: precision == "bfloat16"
        )
    recipe = experiment.recipe.model_copy(update={"precision": "bfloat16", "refit_on_validation": True})
    yield replace(experiment, recipe=recipe), SpeakerSplit(("ann", "bea", "cem"), ("dov",))
    assert not list(tmp_path.rglob(LOCAL_FOLDER))  # nothing stays when a training is over


@pytest.mark.parametrize("system", ["pcnse-sadrn-ctc", "pcnse-sablstm"])
def test_rounded_features_train_the_same_weights(
    trained_in: tuple[Experiment, SpeakerSplit], system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if system == "pcnse-sablstm" and not trains_in_bfloat16("bfloat16", "cpu"):
        pytest.skip("this processor has no LSTM in bfloat16")
    experiment, part = trained_in
    experiment = replace(experiment, system=system)
    dtypes = []

    def whole(
        network: EmotionModel, examples: list[Example], folder: Path, dtype: torch.dtype = torch.float32
    ) -> list[Example]:
        dtypes.append(dtype)
        return local_feature_examples(network, examples)

    train_split(experiment, part, fold=0, seed=1, folder=tmp_path / "rounded", progress=no_progress)
    monkeypatch.setattr(two_stage, "local_feature_examples", whole)
    train_split(experiment, part, fold=0, seed=1, folder=tmp_path / "whole", progress=no_progress)
    assert torch.bfloat16 in dtypes
    for name in ("weights.safetensors", "predictions.csv"):
        assert (tmp_path / "rounded" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_only_local_features_are_deleted(tmp_path: Path) -> None:
    (tmp_path / LOCAL_FOLDER).mkdir()
    (tmp_path / LOCAL_FOLDER / "a").touch()
    (tmp_path / "b").touch()
    forget_local_features(tmp_path)
    forget_local_features(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
