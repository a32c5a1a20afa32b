import math
from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from emotrace.decoding.ctc import class_log_likelihoods
from emotrace.errors import RecipeError
from emotrace.models.architectures import SYSTEMS, find_system
from emotrace.models.emotion_model import EmotionModel, build
from emotrace.models.heads.ctc import ctc_loss
from emotrace.models.layers.normalisation import Normalisation
from emotrace.recipe import Back, Features, Front, Recipe

# Systems that read a spectrogram; tests/models/encoders has those of the others.
SPECTROGRAM_SYSTEMS = [name for name, system in SYSTEMS.items() if not system.pretrained_encoder]
LENGTHS = [6000, 2800, 4401, 2960, 3119]  # in samples: 36, 16, 26, 17 and 17 frames
LAYOUTS = ("branch-pool", "mid-pool", "inception")


def small(
    *,
    masked: bool = True,
    normalisation: str = "corpus",
    range_db: float = 0.0,
    layout: str = "branch-pool",
    **back: object,
) -> Recipe:
    return Recipe(
        features=Features(normalisation=normalisation, dynamic_range_db=range_db),
        front=Front(width=8, reduction=2, layout=layout),
        back=Back(**{"width": 16, "stacks": 1, "dilations": (1, 2, 4), "dropout": 0.0, **back}),
        masked=masked,
        longest_frames=60,
        baseline_width=1 / 8,
    )


def trained_like(recipe: Recipe, name: str, labels: int = 4) -> EmotionModel:
    """A network in evaluation mode whose buffers differ from their initial values, as after training."""
    torch.manual_seed(0)
    network = build(recipe, name, labels).eval()
    network.front.normalise.mean.normal_(-8, 1)
    network.front.normalise.scale.uniform_(0.3, 0.7)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.3, 0.3)
            module.running_var.uniform_(0.3, 1)
    return network


def noise(batch: int, samples: int, seed: int = 1) -> Tensor:
    return torch.randn(batch, samples, generator=torch.Generator().manual_seed(seed)) * 0.1


@pytest.mark.parametrize("name", SPECTROGRAM_SYSTEMS)
def test_each_system_scores_an_utterance_or_each_of_its_steps(name: str) -> None:
    network, lengths = trained_like(small(), name), torch.tensor(LENGTHS)
    output, steps = network(noise(5, 6000), lengths)
    frames = [36, 16, 26, 17, 17]
    if SYSTEMS[name].front is None:
        assert steps.tolist() == frames
    elif SYSTEMS[name].front == "cnn":  # frames of 40 ms: one or two fewer; eight make a step
        assert steps.tolist() == [4, 1, 3, 1, 2]
    else:
        assert steps.tolist() == [frame // 2 - 7 for frame in frames]
    assert output.shape == ((5, max(steps), 5) if SYSTEMS[name].head == "ctc" else (5, 4))
    torch.testing.assert_close(output.exp().sum(-1), torch.ones(output.shape[:-1]), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        *((name, small()) for name in SPECTROGRAM_SYSTEMS),
        *(("pcnse-sadrn-ctc", small(layout=layout)) for layout in LAYOUTS[1:]),
        ("pcnse-sadrn-ctc", small(causal=False, heads=4, residual=True)),
        ("pcn-sadrn", small(causal=False)),
        ("pcnse-sadrn-ctc", small(normalisation="utterance")),
        ("pcnse-sadrn-ctc", small(normalisation="level")),
        ("pcnse-sablstm", small(layers=1)),
        ("cnn-gru", small(normalisation="utterance")),
    ],
)
def test_padding_and_batch_mates_never_change_an_utterance(name: str, recipe: Recipe) -> None:
    network, lengths = trained_like(recipe, name), torch.tensor(LENGTHS)
    waveform = noise(5, 6500)  # noise beyond every true length
    with torch.inference_mode():
        output, steps = network(waveform, lengths)
        for row, length in enumerate(LENGTHS):
            (alone,), steps_alone = network(waveform[row : row + 1, :length], lengths[row : row + 1])
            assert steps[row] == steps_alone[0]
            together = output[row, : steps[row]] if SYSTEMS[name].head == "ctc" else output[row]
            torch.testing.assert_close(together, alone, rtol=0, atol=5e-6)


@pytest.mark.parametrize("name", SPECTROGRAM_SYSTEMS)
def test_in_the_keras_reading_every_utterance_is_padded_to_the_longest_window(name: str) -> None:
    recipe = small(masked=False).model_copy(update={"max_frames": 500})
    network = trained_like(recipe, name)
    waveform = noise(1, 4000)
    longest = {"cnn-blstm": 297, "cnn-gru": 1000}.get(name, 500)
    expected = {"cnn": longest // 8, None: longest}.get(SYSTEMS[name].front, 243)
    with torch.inference_mode():
        output, steps = network(waveform, torch.tensor([4000]))
        image = network.front.image(*network.spectrum(waveform, torch.tensor([4000])))
        _, channels, frames, bands = image.shape
        silence = torch.zeros(1, channels, longest - frames, bands)  # the mean of the normalised spectrogram
        local, _ = network.front.extract(torch.cat([image, silence], dim=2), torch.tensor([longest]))
        expected_output = network.back(local, torch.tensor([expected]))
    assert steps.tolist() == [expected]
    assert network.front.steps_out(frames) == expected
    torch.testing.assert_close(output, expected_output, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("name", "masked"), [*product(("pcnse", "cnn-gru", "sadrn-ctc"), (True, False))])
def test_steps_out_is_the_number_of_steps_of_the_front(name: str, masked: bool) -> None:
    network = trained_like(small(masked=masked), name)
    for frames in (16, 17, 59, 60):
        static = torch.zeros(1, network.spectrum.bands, frames)
        local, steps = network.front(static, torch.tensor([frames]))
        assert network.front.steps_out(frames) == steps.item() == local.shape[1]


@pytest.mark.parametrize("name", SPECTROGRAM_SYSTEMS)
def test_each_system_fits_eight_utterances(name: str) -> None:
    # Without a residual connection, attention in so small a network gives all steps the same posteriors. CTC
    # training then stops where each step has the label with probability 1 / steps, at a loss of nearly 1.
    ctc = SYSTEMS[name].head == "ctc"
    torch.manual_seed(3)
    network = build(small(normalisation="utterance", residual=ctc), name, labels=4).train()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    lengths = torch.tensor([6000, 5000, 5500, 4000, 4500, 5900, 3500, 5200])
    truth = torch.tensor([0, 1, 2, 3, 3, 2, 1, 0])
    hz = 400 * torch.arange(1, 9)[:, None]
    tones = (2 * math.pi * hz * torch.arange(6000) / 16_000).sin() * torch.linspace(0, 0.3, 6000)
    static, frames = network.spectrum(tones + 0.3 * noise(8, 6000), lengths)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(250):
        output, steps = network.from_static(static, frames)
        if ctc:
            loss = ctc_loss(output, steps, truth[:, None].tolist())
        else:
            loss = nn.functional.nll_loss(output, truth)
        if loss.item() < 0.03:
            break
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.03
    scores = output.detach().numpy()
    if ctc:
        scores = class_log_likelihoods(scores, steps.numpy())
    assert scores.argmax(1).tolist() == truth.tolist()


@pytest.mark.parametrize(("name", "layout"), [*product(["pcn"], LAYOUTS), ("sadrn-ctc", LAYOUTS[0])])
def test_a_step_depends_on_audio_centred_on_its_time(name: str, layout: str) -> None:
    network = trained_like(small(layout=layout), name)
    every, samples = 20, 60 * 160 + 240
    waveform = noise(1, samples)
    clicked = torch.arange(0, samples, every)
    clicks = waveform.repeat(1 + len(clicked), 1)
    clicks[range(1, len(clicks)), clicked] += 1
    with torch.inference_mode():
        static, frames = network.spectrum(clicks, torch.tensor([samples] * len(clicks)))
        local, _ = network.front(static, frames)
    moved = (local[1:] != local[0]).any(2)
    checked = 0
    for step in range(moved.shape[1]):
        inside = clicked[moved[:, step]]
        if inside[0] > 0 and inside[-1] < clicked[-1]:  # the receptive field lies within the audio
            middle_s = (inside[0] + inside[-1]).item() / 2 / 16_000
            # Clicks are 1.25 ms apart, so the last one within a frame lies up to 1.25 ms before its end.
            assert middle_s == pytest.approx(network.first_step_s + step * network.step_s, abs=0.63e-3)
            checked += 1
    assert checked >= 5


@pytest.mark.parametrize(
    ("name", "layout", "first_s", "step_s"),
    [
        ("pcnse-sadrn-ctc", "branch-pool", 0.0875, 0.02),
        ("pcnse-sadrn-ctc", "mid-pool", 0.0825, 0.02),
        ("pcnse-sadrn-ctc", "inception", 0.0825, 0.02),
        ("sadrn-ctc", "branch-pool", 0.0125, 0.01),
    ],
)
def test_steps_are_20_ms_apart_and_frames_10(name: str, layout: str, first_s: float, step_s: float) -> None:
    network = build(small(layout=layout), name, labels=4)
    assert (network.first_step_s, network.step_s) == (first_s, step_s)


@pytest.mark.parametrize("normalisation", ["utterance", "level"])
def test_normalisation_by_utterance_or_level_makes_loudness_irrelevant(normalisation: str) -> None:
    network = trained_like(small(normalisation=normalisation), "pcnse-sadrn-ctc")
    waveform, lengths = noise(5, 6000), torch.tensor(LENGTHS)
    with torch.inference_mode():
        soft, _ = network(waveform, lengths)
        loud, _ = network(waveform * 7.3, lengths)
    # Statics of float32 near 10 are right to 1e-6; the network carries that on, a little larger.
    torch.testing.assert_close(loud, soft, rtol=0, atol=1e-5)


@pytest.mark.parametrize("normalisation", ["corpus", "level"])
def test_bands_are_floored_at_the_dynamic_range_below_the_level(normalisation: str) -> None:
    front = build(small(normalisation=normalisation, range_db=60), "pcnse-sadrn-ctc", 4).front
    x = torch.randn(2, 40, 30, generator=torch.Generator().manual_seed(5)) * 10
    lengths = torch.tensor([30, 12])
    found = front.spectrogram(x, lengths)[:, 0].transpose(1, 2).double().numpy()
    for row, length in enumerate(lengths):
        bands = x[row, :, :length].double().numpy()
        power = np.exp(bands).sum(0)
        level = np.log((power**2).sum() / power.sum())  # the mean power, weighted by power
        expected = np.maximum(bands, level - np.log(1e6)) - (level if normalisation == "level" else 0)
        assert (expected > bands - (level if normalisation == "level" else 0) + 1).any()
        np.testing.assert_allclose(found[row, :, :length], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("scope", ["corpus", "utterance"])
def test_normalisation_uses_real_frames_by_channel_and_band(scope: str) -> None:
    x = torch.randn(2, 3, 9, 5, generator=torch.Generator().manual_seed(5)) * 4 + 2
    normalise = Normalisation(3, 5, scope)
    normalise.mean.normal_()
    normalise.scale.uniform_(0.5, 2)
    out = normalise(x, torch.tensor([9, 4])).numpy()
    for row, length in enumerate((9, 4)):
        real = x[row, :, :length].numpy()
        mean, scale = normalise.mean.numpy(), normalise.scale.numpy()
        if scope == "utterance":
            mean, scale = real.mean(1, keepdims=True), 1 / np.sqrt(real.var(1, keepdims=True) + 1e-5)
        np.testing.assert_allclose(out[row, :, :length], (real - mean) * scale, rtol=0, atol=5e-6)
        assert not out[row, :, length:].any()


def test_glorot_weights_are_uniform_and_biases_zero() -> None:
    network = build(Recipe(weights="glorot"), "pcnse-sadrn-ctc", labels=4)
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d):
            weight = module.weight.detach()
            field = math.prod(weight.shape[2:])
            bound = math.sqrt(6 / (field * (weight.shape[0] + weight.shape[1])))
            assert weight.abs().max() <= bound
            # The largest of n uniform numbers is below 1 - 20/n with probability e^-20.
            assert weight.abs().max() >= bound * (1 - 20 / weight.numel())
            assert module.bias is None or not module.bias.any()


def test_glorot_recurrent_weights_are_keras_initial_weights() -> None:
    network = build(Recipe(weights="glorot"), "pcnse-sablstm", labels=4)
    for layer in network.back.context.forward_layers:
        bound = math.sqrt(6 / sum(layer.weight_ih_l0.shape))
        assert bound * 0.99 < layer.weight_ih_l0.abs().max() <= bound
        torch.testing.assert_close(
            layer.weight_hh_l0.T @ layer.weight_hh_l0, torch.eye(64), rtol=0, atol=1e-5
        )
        forget = torch.cat([torch.zeros(64), torch.ones(64), torch.zeros(128)])
        assert torch.equal(layer.bias_ih_l0 + layer.bias_hh_l0, forget)


def test_only_systems_with_a_front_and_a_back_end_have_two_stages() -> None:
    single_stage = {name for name in SPECTROGRAM_SYSTEMS if SYSTEMS[name].stages == 1}
    assert single_stage == {"pcn", "pcnse", "sadrn-ctc", "cnn-blstm", "cnn-gru", "blstm-ctc"}


def test_an_unknown_system_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(RecipeError, match=r"unknown system pcsne; known: pcn, pcnse, .*sadrn-ctc"):
        find_system("pcsne")


def test_attention_heads_must_divide_the_width() -> None:
    with pytest.raises(RecipeError, match=r"back\.heads 3 does not divide back\.width 16"):
        build(small(heads=3), "pcnse-sadrn-ctc", labels=4)


def test_the_width_of_bidirectional_layers_must_be_even() -> None:
    build(small(width=17), "pcnse-sadrn", labels=4)
    with pytest.raises(RecipeError, match=r"back\.width 17 is odd; pcn-sablstm needs"):
        build(small(width=17), "pcn-sablstm", labels=4)


def test_baselines_keep_the_settings_of_their_papers_whatever_the_recipe() -> None:
    recipe = Recipe(max_frames=400, ctc_target="single", decoding="likelihood")
    ours, theirs = find_system("pcnse-sadrn-ctc"), find_system("blstm-ctc")
    assert (ours.ctc_target(recipe), theirs.ctc_target(recipe)) == ("single", "repeated")
    assert (ours.decoding(recipe), theirs.decoding(recipe)) == ("likelihood", "vote")
    longest = {name: system.max_frames(recipe) for name, system in SYSTEMS.items()}
    assert {name for name in SPECTROGRAM_SYSTEMS if longest[name] != 400} == {"cnn-blstm", "cnn-gru"}
    assert longest["encoder-sadrn"] == 166  # frames of 24 ms
    assert 640 + (longest["cnn-blstm"] - 1) * 160 == 3 * 16_000


@pytest.mark.parametrize(
    ("name", "local", "widths"),
    [
        ("pcnse-sablstm", (1, 243, 832), [("context", 128), ("attention", 128)]),
        ("cnn-blstm", (1, 37, 800), [("context", 256)]),
        ("cnn-gru", (1, 125, 800), [("context", 256)]),
        ("blstm-ctc", (1, 500, 120), [("context", 512), ("head.dense", 128)]),
    ],
)
def test_recurrent_systems_have_the_layer_widths_of_their_papers(
    name: str, local: tuple[int, ...], widths: list[tuple[str, int]]
) -> None:
    network, frames = build(Recipe(), name, labels=4).eval(), SYSTEMS[name].max_frames(Recipe())
    found: list[tuple[str, int]] = []
    for part, _ in widths:
        network.back.get_submodule(part).register_forward_hook(
            lambda _, __, y, part=part: found.append((part, y.shape[2]))
        )
    static = torch.zeros(1, network.spectrum.bands, frames)
    with torch.inference_mode():
        features, steps = network.front(static, torch.tensor([frames]))
        network.from_local(features, steps)
    assert features.shape == local
    assert found == widths


def test_systems_with_the_same_front_start_with_the_same_weights() -> None:
    for weights in ("torch", "glorot"):
        fronts = []
        for name in ("pcnse", "pcnse-sablstm", "pcnse-sadrn-ctc"):
            torch.manual_seed(7)
            fronts.append(build(small().model_copy(update={"weights": weights}), name, labels=4).front)
        for other in fronts[1:]:
            assert all(map(torch.equal, fronts[0].state_dict().values(), other.state_dict().values()))
