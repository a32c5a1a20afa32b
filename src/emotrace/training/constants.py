"""The hyperparameters that are constants of modules, for the fingerprint of a run."""

from __future__ import annotations

import ast
import inspect
from functools import cache
from types import ModuleType
from typing import Any

from emotrace.features import autocorrelation
from emotrace.models import encoder_features
from emotrace.models.functionals import (
    classifier,
    fisher_vector,
    pooled,
    random_kernels,
    segments,
    statistics,
)
from emotrace.training import (
    balance,
    class_weights,
    functionals,
    logistic_regression,
    optimisers,
    scoring,
    speech_presence,
)
from emotrace.training.augmentation import acoustic, spectrogram, waveform
from emotrace.training.data import concatenation, non_speech

MODULES: dict[str, ModuleType] = {
    "autocorrelation": autocorrelation,
    "functionals_classifier": classifier,
    "fisher_vector": fisher_vector,
    "random_kernels": random_kernels,
    "encoder_features": encoder_features,
    "pooled_classifier": pooled,
    "waveform_augmentation": waveform,
    "segments": segments,
    "statistics": statistics,
    "balance": balance,
    "class_weights": class_weights,
    "functionals_training": functionals,
    "logistic_regression": logistic_regression,
    "optimisers": optimisers,
    "temperature": scoring,
    "speech_presence": speech_presence,
    "acoustic_augmentation": acoustic,
    "spectrogram_augmentation": spectrogram,
    "concatenation": concatenation,
    "non_speech": non_speech,
}


def training_constants() -> dict[str, dict[str, Any]]:
    """The constants of each module by lower-case name, as JSON values.

    A constant is a name in capitals that the module assigns, with a number, or a tuple or dictionary of
    numbers, as its value.

    >>> training_constants()["speech_presence"]["snr_db"]
    [-5.0, 10.0]
    """
    return {
        section: {
            name.lower(): list(value) if isinstance(value, tuple) else value
            for name in assigned_names(module)
            if name.isupper() and is_numeric(value := getattr(module, name))
        }
        for section, module in MODULES.items()
    }


@cache
def assigned_names(module: ModuleType) -> tuple[str, ...]:
    """The names that a module assigns at its top level, which leaves out imported ones."""
    names = []
    for statement in ast.parse(inspect.getsource(module)).body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        for target in targets:
            elements = target.elts if isinstance(target, ast.Tuple) else [target]
            names += [element.id for element in elements if isinstance(element, ast.Name)]
    return tuple(names)


def is_numeric(value: object) -> bool:
    """Whether a value is a number, or a tuple or dictionary of numbers.

    >>> is_numeric((0.1, 1.0)), is_numeric("a"), is_numeric({"anger": 1.1})
    (True, False, True)
    """
    if isinstance(value, dict):
        return is_numeric(tuple(value.values()))
    return all(
        isinstance(number, int | float) for number in (value if isinstance(value, tuple) else (value,))
    )
