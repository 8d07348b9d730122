"""A recipe that trains on the tiny data set in a moment, and what its run leaves behind."""

from safetensors.numpy import load_file

from loupe.recipes.recipe import from_dict
from loupe.runs.run import WEIGHTS_FILE


def recipe_of(**settings):
    """A small convolutional network, and whatever a test wants otherwise."""
    small = {"name": "small", "network": "8C3b-6C3p2b", "epochs": 3, "batch_size": 32}
    return from_dict({**small, "learning_rate": 0.01, **settings})


def weights(run):
    """The bytes of a run's weights: equal only if every bit of every weight is."""
    return (run.folder / WEIGHTS_FILE).read_bytes()


def tensors(run, member=0):
    """Weights of one member by name."""
    prefix = f"member_{member}."
    found = load_file(run.folder / WEIGHTS_FILE)
    return {k.removeprefix(prefix): v for k, v in found.items() if k.startswith(prefix)}


def learnt(run):
    """The figures of a run's history, without how long they took."""
    return [
        (row.epoch, row.learning_rate, row.loss, row.accuracy, row.val_loss, row.val_accuracy)
        for row in run.history
    ]


def kill_at(step, member=0):
    """A watch that ends the training without ceremony after a step."""

    def watch(progress):
        if (progress.member, progress.step) == (member, step):
            raise Killed

    return watch


class Killed(BaseException):
    """Not an error that anything would catch, as a kill is not."""
