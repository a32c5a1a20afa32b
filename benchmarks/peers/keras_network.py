"""The paper's network in Keras and TensorFlow, the authors' framework.

The residual blocks are plain Keras layers, because keras-tcn no longer has the paper's connections: it has
dropped the 1x1 convolutions before and beside the blocks and adds a ReLU after their sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from peers.server import cores, serve

FRAMES, BANDS, CHANNELS, LABELS = 500, 40, 3, 4
REDUCTION = 8
WIDTH, STACKS, DILATIONS = 128, 2, (1, 2, 4, 8, 16, 32, 64, 128)
POOLING: dict[str, Any] = {
    "branch-pool": {"branch": (2, 2), "trunk": ("valid", "same", "same"), "end": None},
    "inception": {"branch": (3, 1), "trunk": ("valid", "valid", "valid"), "end": (2, 2)},
}


def conv_block(x: Any, width: int, kernel: int, padding: str, name: str) -> Any:
    """Convolution → batch normalisation → ReLU → squeeze-and-excitation."""
    x = layers.Conv2D(width, kernel, padding=padding, name=f"{name}.conv")(x)
    x = layers.BatchNormalization(name=f"{name}.norm.norm")(x)
    x = layers.ReLU()(x)
    z = layers.GlobalAveragePooling2D()(x)
    z = layers.Dense(width // REDUCTION, "relu", use_bias=False, name=f"{name}.squeeze.squeeze")(z)
    z = layers.Dense(width, "sigmoid", use_bias=False, name=f"{name}.squeeze.excite")(z)
    return layers.Multiply()([x, layers.Reshape((1, 1, width))(z)])


def pcnse(image: Any, layout: str, width: int) -> Any:
    """(500, 40, 3) → (243, 13 x width)."""
    pooling, branches = POOLING[layout], []
    for index, kernel in enumerate((1, 3, 5)):
        x = conv_block(image, width, kernel, "same", f"front.convolutions.branches.{index}")
        branches.append(layers.MaxPooling2D(*pooling["branch"])(x))
    x = layers.Concatenate()(branches)
    for index, (padding, times, kernel) in enumerate(
        zip(pooling["trunk"], (1, 2, 1), (8, 3, 3), strict=True)
    ):
        x = conv_block(x, times * width, kernel, padding, f"front.convolutions.trunk.{index}")
    if pooling["end"]:
        x = layers.MaxPooling2D(*pooling["end"])(x)
    return layers.Reshape((x.shape[1], x.shape[2] * x.shape[3]))(x)


def sadrn(local: Any) -> Any:
    """(step, feature) → logits (step, K + 1)."""
    x, skips = layers.Conv1D(WIDTH, 1, name="back.context.enter")(local), []
    for index, dilation in enumerate(DILATIONS * STACKS):
        block, y = f"back.context.blocks.{index}", x
        for conv in range(2):
            y = layers.Conv1D(
                WIDTH, 2, padding="causal", dilation_rate=dilation, activation="relu",
                name=f"{block}.convs.{conv}.conv",
            )(y)  # fmt: skip
            y = layers.SpatialDropout1D(0.05)(y)
        x = layers.Add()([y, layers.Conv1D(WIDTH, 1, name=f"{block}.match")(x)])
        skips.append(y)
    x = layers.Add()(skips)
    query, key, value = (
        layers.Dense(WIDTH, use_bias=False, name=f"back.attention.{role}")(x)
        for role in ("query", "key", "value")
    )
    similarity = layers.Dot((2, 2))([query, key])
    weights = layers.Softmax()(layers.Rescaling(WIDTH**-0.5)(similarity))
    return layers.Dense(LABELS + 1, name="back.head.output")(layers.Dot((2, 1))([weights, value]))


def classifier(local: Any) -> Any:
    """(step, feature) → logits (K,)."""
    x = layers.Dense(128, "relu")(layers.GlobalAveragePooling1D()(local))
    return layers.Dense(LABELS)(layers.Dropout(0.5)(x))


def as_keras(layer: Any, weights: Mapping[str, np.ndarray]) -> Iterator[np.ndarray]:
    """The weights of a layer, converted from PyTorch's to Keras's order of axes."""
    if isinstance(layer, layers.BatchNormalization):
        for part in ("weight", "bias", "running_mean", "running_var"):
            yield weights[f"{layer.name}.{part}"]
        return
    kernel = weights[f"{layer.name}.weight"]
    yield np.moveaxis(kernel, (0, 1), (-1, -2))
    if layer.use_bias:
        yield weights[f"{layer.name}.bias"]


class KerasNetwork:
    """Networks for inference by layout, and stages to train; compiled by tf.function."""

    def __init__(self) -> None:
        tf.config.threading.set_intra_op_parallelism_threads(cores())
        tf.config.threading.set_inter_op_parallelism_threads(1)
        keras.utils.set_random_seed(1)
        self.networks: dict[str, Any] = {}
        self.steps: dict[str, Any] = {}

    def versions(self) -> dict[str, dict[str, str]]:
        """The versions of the measured packages."""
        return {"versions": {"keras": keras.__version__, "tensorflow": tf.__version__}}

    def load(self, layout: str, width: int, weights: str) -> None:
        """Build the whole network from the weights in a .npz file."""
        image = keras.Input((FRAMES, BANDS, CHANNELS))
        model = keras.Model(image, layers.Softmax()(sadrn(pcnse(image, layout, width))))
        with np.load(weights) as arrays:
            for layer in model.layers:
                if layer.weights:
                    layer.set_weights(list(as_keras(layer, arrays)))
        self.networks[layout] = tf.function(lambda x: model(x, training=False))

    def window(self, layout: str, image: str, output: str | None = None) -> None:
        """Log-posteriors of one spectrogram in a .npy file, written to another one if named."""
        found = self.networks[layout](tf.constant(np.load(image)[None])).numpy()
        if output:
            np.save(output, np.log(found[0]))

    def prepare(self, name: str, stage: int, layout: str, width: int, batch: int) -> None:
        """Prepare a stage for a batch of noise, padded to 5 s as in the paper."""
        image = keras.Input((FRAMES, BANDS, CHANNELS))
        local = pcnse(image, layout, width)
        if stage == 1:
            model = keras.Model(image, classifier(local))
            optimiser = keras.optimizers.Adam(3e-4)
        else:
            cached = keras.Input(local.shape[1:])
            model = keras.Model(cached, sadrn(cached))
            optimiser = keras.optimizers.Adadelta(1.0)
        x = tf.random.normal((batch, *model.input_shape[1:]))
        labels = tf.range(batch) % LABELS
        steps = tf.fill([batch], local.shape[1])
        indices = [[index, 0] for index in range(batch)]
        targets = tf.SparseTensor(indices, labels, (batch, 1))

        def loss(logits: Any) -> Any:
            if stage == 1:
                each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            else:
                each = tf.nn.ctc_loss(targets, logits, None, steps, logits_time_major=False, blank_index=-1)
            return tf.reduce_mean(each)

        @tf.function
        def step() -> Any:
            with tf.GradientTape() as tape:
                found = loss(model(x, training=True))
            optimiser.apply_gradients(
                zip(tape.gradient(found, model.trainable_variables), model.trainable_variables, strict=True)
            )
            return found

        self.steps[name] = step

    def epoch(self, name: str) -> None:
        """One step on the batch."""
        self.steps[name]().numpy()


if __name__ == "__main__":
    serve(KerasNetwork())
