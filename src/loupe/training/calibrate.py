"""Calibrating binary networks, each on the validation images of its own problem."""

from collections.abc import Iterable

import numpy as np
import torch

from loupe.data.dataset import Dataset
from loupe.examination.calibration import fit_temperature
from loupe.networks.panel import Panel
from loupe.training.export import EXACT, image_tensor
from loupe.training.scores import predict_logits


def calibrate(panel: Panel, validation: Dataset, places: Iterable[int] | None = None) -> None:
    """Fit each network's temperature to the validation images that its question is about.

    A temperature, not Platt's line of two numbers: its one number can be learnt from the few
    validation images of a rare class, and it leaves the line between yes and no where training put
    it. `balance` moves that line on purpose; an offset fitted to the validation images, which keep
    their frequencies, would move it back.

    Args:
        panel: on the CPU; its temperatures are written to.
        validation: images that it was not trained on. A network without images of both answers
            among them keeps its temperature.
        places: of the networks to calibrate; by default all.
    """
    if not len(validation):
        return
    logits = predict_logits(panel.stack, image_tensor(validation.images), EXACT).numpy()
    labels = validation.labels
    for place in range(len(panel.problems)) if places is None else places:
        problem = panel.problems[place]
        asked = np.ones(len(labels), bool)
        if problem.negative is not None:
            asked = np.isin(labels, (problem.positive, problem.negative))
        yes = (labels[asked] == problem.positive).astype(np.int64)
        if 0 < yes.sum() < len(yes):
            own = logits[asked, place]
            both = np.stack([np.zeros_like(own), own], axis=1)
            panel.temperatures[place] = torch.tensor(fit_temperature(both, yes))
