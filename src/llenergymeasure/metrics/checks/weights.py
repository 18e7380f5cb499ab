"""Checks of the model: whether its weights are those of its files, and what its libraries said of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.metrics.checks.code import WarningCode
from llenergymeasure.metrics.checks.inputs import CheckInputs

SHOWN = 3
"""Names that a warning lists."""

WEIGHTS_MISSING = WarningCode(
    code="weights_missing",
    meaning="The files of the model lack some of its tensors, or have them in another shape. These are random, so what "
    "was measured is not this model.",
    remedy="Download or convert the model again, all its parts, with the tools of one model; to measure the bare "
    "architecture set weights: random.",
    severity="invalid",
    because="Random weights change what is written, when an answer ends, which experts are chosen, and how activations "
    "quantise.",
)
WEIGHTS_UNUSED = WarningCode(
    code="weights_unused",
    meaning="The files of the model contain tensors that were not loaded: layers or scales that the loaded model does "
    "not have.",
    remedy="See whether config.json belongs to these files (num_hidden_layers, quantization_config), and whether this "
    "version of transformers knows the architecture.",
    severity="warning",
    because="A model without some of its layers or scales does less work than its name says; parts for training or "
    "for another modality are no loss.",
)


def check_weights_are_complete(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Tensors that are random although pretrained weights were asked for, and tensors of the files left out."""
    faults = None if inputs.model_info is None else inputs.model_info.weight_faults
    if faults is None:
        return
    if faults.n_random:
        share = faults.random_parameters / faults.n_parameters if faults.n_parameters else 1.0
        yield from WEIGHTS_MISSING.raised(
            f"{faults.n_random} of {faults.n_tensors} tensors, {share:.1%} of the parameters, are random: the files of "
            f"the model lack them or have them in another shape ({_some(faults.random_names, faults.n_random)}).",
            magnitude=share,
        )
    if faults.n_unused:
        yield from WEIGHTS_UNUSED.raised(
            f"{faults.n_unused} tensors of the model's files were not loaded "
            f"({_some(faults.unused, faults.n_unused)}).",
            magnitude=float(faults.n_unused),
        )


def _some(names: Sequence[str], count: int) -> str:
    shown = ", ".join(names[:SHOWN])
    return f"{shown}, ..." if count > SHOWN else shown
