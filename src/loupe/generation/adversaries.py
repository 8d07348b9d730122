"""Two networks in training against each other, and one step of both.

The recipe is R3GAN's (Huang et al. 2024, arXiv:2501.05441). Each drawn image is compared with a
real one of the same class (relativistic pairing, Jolicoeur-Martineau 2018, arXiv:1807.00734), which
keeps the variety of each class; penalties on the discriminator's gradients at real and at drawn
images (R1 and R2, Mescheder et al. 2018, arXiv:1801.04406) make the two converge. They are taken in
every fourth step only, and weigh four times as much there (Karras et al. 2020, arXiv:1912.04958).
"""

import copy
import hashlib
import math
import time
from dataclasses import dataclass, field

import torch
from torch import Generator as RandomNumbers
from torch import Tensor, nn
from torch.nn import functional

from loupe.errors import DivergenceError
from loupe.generation.networks import LATENT, Discriminator, Generator, Plan
from loupe.training.optimizers import Adam

BATCH_SIZE = 64
# From the first step to the last, along a cosine: both fall tenfold, as in R3GAN.
LEARNING_RATE = (1e-3, 1e-4)
PENALTY = (1.0, 0.1)
WARMUP = 100  # steps in which the learning rate rises
BETAS = (0.0, 0.99)  # no momentum: the two would swing around each other
PENALTY_INTERVAL = 4
AVERAGED = 0.03  # half-life of the averaged weights, as a fraction of the steps so far
AGREEMENT = 0.5  # largest relative difference of a gradient in bf16 (loupe.training.device)


@dataclass(frozen=True)
class Pile:
    """What is learnt from.

    Attributes:
        images: uint8 `[n c h w]`, padded as the plan says.
        labels: int64 `[n]`.
        num_classes: of the data set.
        plan: how images are laid out.
        mirrors: whether a mirrored image keeps its label.
        shift: pixels by which the discriminator sees images moved, so that it cannot learn a small
            pile by heart (Zhao et al. 2020, arXiv:2006.10738).
    """

    images: Tensor
    labels: Tensor
    num_classes: int
    plan: Plan
    mirrors: bool
    shift: int


@dataclass
class Adversaries:
    """All that changes from step to step."""

    generator: Generator
    discriminator: Discriminator
    average: Generator  # of the generator's weights over the steps: what draws in the end
    optimizers: tuple[Adam, Adam]  # of the generator, of the discriminator
    bf16: bool = False
    step: int = 0
    seconds: float = 0.0
    losses: dict[str, float] = field(default_factory=dict)  # of the last step

    @property
    def networks(self) -> dict[str, nn.Module]:
        """The networks by the names that they have in a checkpoint."""
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "average": self.average,
        }

    def computed(self) -> torch.autocast:
        """The context in which networks run forward."""
        return torch.autocast("cpu", torch.bfloat16, enabled=self.bf16)


def seed_of(seed: int, purpose: str) -> int:
    """Derive the seed of one purpose: a resumed run needs no random generator's state.

    Example:
        >>> seed_of(0, "step 1") == seed_of(0, "step 2")
        False
    """
    digest = hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1  # torch takes 63 bits


def new_adversaries(pile: Pile, seed: int) -> Adversaries:
    """Make both networks with their first weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed_of(seed, "weights"))
        generator = Generator(pile.plan, pile.num_classes)
        discriminator = Discriminator(pile.plan, pile.num_classes)
    for net in (generator, discriminator):
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub
    optimizers = [
        Adam(list(net.parameters()), LEARNING_RATE[0], BETAS, 0.0, decoupled=False)
        for net in (generator, discriminator)
    ]
    average = copy.deepcopy(generator)
    return Adversaries(generator, discriminator, average, (optimizers[0], optimizers[1]))


def run_step(pair: Adversaries, pile: Pile, seed: int, num_steps: int) -> None:
    """Let the discriminator learn from one batch, then the generator from what it says of it."""
    began = time.perf_counter()
    numbers = RandomNumbers().manual_seed(seed_of(seed, f"step {pair.step}"))
    real, labels = _real_batch(pile, numbers)
    with pair.computed():
        drawn = pair.generator(torch.randn(len(labels), LATENT, generator=numbers), labels)
    seen = _shifted(drawn.float(), pile.shift, numbers)
    progress = pair.step / num_steps
    penalty = _fallen(PENALTY, progress) if pair.step % PENALTY_INTERVAL == 0 else 0.0
    factor = _fallen(LEARNING_RATE, progress) / LEARNING_RATE[0]
    factor *= min(1.0, (pair.step + 1) / WARMUP)
    judged = judge(pair, _shifted(real, pile.shift, numbers), seen.detach(), labels, penalty)
    _learn(pair.optimizers[1], judged.loss, factor)
    pair.discriminator.requires_grad_(False)  # it is not its turn: a tenth of the step is saved
    with pair.computed():
        scores = pair.discriminator(seen, labels).float()
    # Against what it said of the real ones before it learnt: a forward pass saved.
    loss = functional.softplus(judged.of_real - scores).mean()
    _learn(pair.optimizers[0], loss, factor)
    pair.discriminator.requires_grad_(True)
    pair.step += 1
    _update_average(pair)
    pair.losses |= {"generator": loss.item(), **judged.figures}
    pair.seconds += time.perf_counter() - began


@dataclass(frozen=True)
class Judgement:
    """What the discriminator says of a batch, and what it has to learn from it.

    Attributes:
        loss: to be minimised.
        of_real: how real it finds the real images, `[n]`, without gradient.
        figures: to be watched.
    """

    loss: Tensor
    of_real: Tensor
    figures: dict[str, float]


def judge(
    pair: Adversaries, real: Tensor, drawn: Tensor, labels: Tensor, penalty: float
) -> Judgement:
    """Compare real with drawn images of the same classes; punish steep gradients at both.

    Args:
        pair: whose discriminator judges.
        real: images `[n c h w]` in -1..1.
        drawn: likewise.
        labels: of both.
        penalty: weight of the gradients' squares; 0: they are not taken.
    """
    both = torch.cat([real, drawn]).requires_grad_(penalty > 0)
    with pair.computed():
        scores = pair.discriminator(both, labels.repeat(2)).float()
    of_real, of_drawn = scores.chunk(2)
    loss = functional.softplus(of_drawn - of_real).mean()
    figures = {
        "discriminator": loss.item(),
        "gap": (of_real.mean() - of_drawn.mean()).item(),
    }
    if penalty:
        (gradients,) = torch.autograd.grad(scores.sum(), both, create_graph=True)
        squares = gradients.square().sum((1, 2, 3)).mean() * 2  # R1 + R2: means over each half
        loss = loss + penalty / 2 * PENALTY_INTERVAL * squares
        figures["penalty"] = squares.item()
    return Judgement(loss, of_real.detach(), figures)


@torch.no_grad()
def draw(pair: Adversaries, labels: Tensor, numbers: RandomNumbers) -> Tensor:
    """Draw images of these classes by the averaged weights, uint8 `[n c h w]`."""
    plan = pair.average.plan
    latents = torch.randn(len(labels), LATENT, generator=numbers)
    drawn = pair.average(latents, labels)[..., : plan.height, : plan.width]
    levels: Tensor = drawn.add(1).mul(127.5).round().clamp(0, 255)
    return levels.to(torch.uint8)


def bf16_agrees(pile: Pile, seed: int) -> bool:
    """Compare the gradients of one step in bf16 with those in float32.

    Some releases compute some shapes of bf16 convolutions wrongly (`loupe.training.device`); the
    penalty goes through their second derivatives as well.
    """
    results = []
    for bf16 in (False, True):
        pair = new_adversaries(pile, seed)
        pair.bf16 = bf16
        numbers = RandomNumbers().manual_seed(seed_of(seed, "bf16"))
        _wake(pair, numbers)
        real, labels = _real_batch(pile, numbers)
        with pair.computed():
            drawn = pair.generator(torch.randn(len(labels), LATENT, generator=numbers), labels)
        judge(pair, real, drawn.float().detach(), labels, 1.0).loss.backward()  # type: ignore[no-untyped-call]  # torch's own
        results.append([p.grad for p in pair.discriminator.parameters() if p.grad is not None])
        with pair.computed():
            scores = pair.discriminator(drawn.float(), labels).float()
        scores.sum().backward()
        results[-1] += [p.grad for p in pair.generator.parameters() if p.grad is not None]
    return all(
        bool((exact - rounded).norm() <= AGREEMENT * exact.norm() + 1e-4)
        for exact, rounded in zip(*results, strict=True)
        if exact.ndim > 1
    )


def refuse_divergence(pair: Adversaries) -> None:
    """Stop where a loss is no number any more: no step leads back from there.

    Raises:
        DivergenceError: it is so.
    """
    if not all(map(math.isfinite, pair.losses.values())):
        raise DivergenceError(
            f"A loss is no number any more at step {pair.step}: the generator's training diverged. "
            "Begin anew with another --seed."
        )


def _real_batch(pile: Pile, numbers: RandomNumbers) -> tuple[Tensor, Tensor]:
    chosen = torch.randint(len(pile.labels), (BATCH_SIZE,), generator=numbers)
    images = pile.images.index_select(0, chosen).float().div_(127.5).sub_(1)
    if pile.mirrors:
        turned = torch.rand(len(chosen), generator=numbers) < 0.5
        images = torch.where(turned.view(-1, 1, 1, 1), images.flip(3), images)
    return images, pile.labels.index_select(0, chosen)


def _shifted(images: Tensor, most: int, numbers: RandomNumbers) -> Tensor:
    """Move each image by up to so many pixels; what comes in is as the border."""
    if not most:
        return images
    count, _, height, width = images.shape
    framed = functional.pad(images, (most,) * 4, mode="replicate")
    down, right = torch.randint(2 * most + 1, (2, count), generator=numbers)
    rows = (down[:, None] + torch.arange(height))[:, :, None]
    columns = (right[:, None] + torch.arange(width))[:, None, :]
    moved = framed.permute(0, 2, 3, 1)[torch.arange(count)[:, None, None], rows, columns]
    return moved.permute(0, 3, 1, 2)


def _fallen(ends: tuple[float, float], progress: float) -> float:
    """What goes from the first to the second along half a cosine."""
    first, last = ends
    return last + (first - last) * (1 + math.cos(math.pi * progress)) / 2


def _learn(optimizer: Adam, loss: Tensor, factor: float) -> None:
    for parameter in optimizer.parameters:
        parameter.grad = None
    loss.backward()  # type: ignore[no-untyped-call]  # torch's own
    with torch.no_grad():
        optimizer.step(factor)


@torch.no_grad()
def _update_average(pair: Adversaries) -> None:
    """Move the average towards the weights; it forgets the first steps as the last ones come."""
    decay = 0.5 ** (1 / max(1.0, AVERAGED * pair.step))
    slow: list[Tensor] = list(pair.average.parameters())
    live: list[Tensor] = list(pair.generator.parameters())
    torch._foreach_lerp_(slow, live, 1 - decay)


@torch.no_grad()
def _wake(pair: Adversaries, numbers: RandomNumbers) -> None:
    """Give weights that start at zero a value, so that a gradient goes through every layer."""
    for net in (pair.generator, pair.discriminator):
        for parameter in net.parameters():
            if parameter.ndim > 1 and not parameter.any():
                parameter.copy_(0.05 * torch.randn(parameter.shape, generator=numbers))
