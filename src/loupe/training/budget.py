"""A time budget, turned once into epochs."""

import time
from dataclasses import replace

import torch

from loupe.recipes.recipe import Recipe, changed
from loupe.training.job import Job
from loupe.training.loop import finish_epoch, run_step
from loupe.training.member import new_member

WARMUP_STEPS = 5  # the first steps make buffers and choose kernels
TIMED_SECONDS = 2.0  # or one epoch, whichever is over first
USED = 0.9  # of the budget goes to training; the rest to statistics, export, evaluation


def with_epochs(job: Job, minutes: float) -> Recipe:
    """Give the recipe with as many epochs as fit into the minutes, at least one.

    A network of its own is trained for two seconds and thrown away; nothing of it is kept but its
    speed.
    """
    with torch.random.fork_rng():  # dropout draws from torch's own
        return _with_epochs(job, minutes)


def _with_epochs(job: Job, minutes: float) -> Recipe:
    trial = replace(job, recipe=changed(job.recipe, {"epochs": 1_000_000}))
    member = new_member(trial, 0)
    for _ in range(WARMUP_STEPS):
        run_step(member, trial)
    began, first = time.perf_counter(), member.step
    while member.step - first < job.steps_per_epoch and time.perf_counter() - began < TIMED_SECONDS:
        run_step(member, trial)
    step_seconds = (time.perf_counter() - began) / (member.step - first)
    began = time.perf_counter()
    finish_epoch(member, trial)
    epoch_seconds = step_seconds * job.steps_per_epoch + (time.perf_counter() - began)
    epochs = int(USED * minutes * 60 / (epoch_seconds * job.recipe.members))
    return changed(job.recipe, {"epochs": max(1, epochs)})
