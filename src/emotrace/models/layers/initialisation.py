"""Initial weights as Keras draws them."""

from __future__ import annotations

from torch import nn


def glorot(module: nn.Module) -> None:
    """Initialise all layers as Keras does: uniform after Glorot, biases zero.

    Recurrent matrices are orthogonal, and the forget gate of an LSTM has a bias of 1.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.LSTM | nn.GRU):
            for name, weight in layer.named_parameters():
                if name.startswith("weight_ih"):
                    nn.init.xavier_uniform_(weight)
                elif name.startswith("weight_hh"):
                    nn.init.orthogonal_(weight)
                else:
                    nn.init.zeros_(weight)
                    if isinstance(layer, nn.LSTM) and name.startswith("bias_ih"):
                        nn.init.ones_(weight.data.chunk(4)[1])  # gates: input, forget, cell, output
