"""Warns while there is still time of a training that goes nowhere."""

import pathlib
import warnings

from keras import ops

from keras_t2i.training import backend
from keras_t2i.training.every import EverySteps

_COLLAPSED = (
    "The generator has collapsed: for {steps} steps its pictures of a batch "
    "have been nearly equal (they differ by {spread:.4f} of a range of 2). "
    "Go back to an earlier checkpoint, and try a smaller learning rate, a "
    "larger batch, `augment` or a larger `r1_weight`."
)
_SATURATED = (
    "The discriminator is saturated: for {steps} steps it has told real from "
    "drawn pictures almost without doubt (logits {gap:.1f} apart, generator "
    "loss {loss:.1f}), and the generator learns little. Try `augment`, a "
    "larger `r1_weight`, or a smaller learning rate of the discriminator."
)

_EMULATED = (
    "This processor has no AVX-512, so bfloat16 is emulated on it: a step took "
    "six times as long as in float32 where it was measured. Train in float32 "
    "here (`--precision float32`, or the dtype policy \"float32\")."
)
_CPU = pathlib.Path("/proc/cpuinfo")


def warn_of_emulation(compute_dtype, cpu=_CPU):
    """Warns of a half precision that costs time instead of saving it.

    Args:
        compute_dtype: of the model that is about to be trained.
        cpu: the file in which Linux lists what processors can do. Nothing is
            said of an x86 processor without such a file, or of another kind.
    """
    if compute_dtype != "bfloat16" or backend.has_gpu() or not cpu.exists():
        return
    lines = cpu.read_text().splitlines()
    flags = next((line for line in lines if line.startswith("flags")), "")
    if "avx2" in flags.split() and "avx512bw" not in flags.split():
        warnings.warn(_EMULATED)


def spread(images):
    """How much the pictures of a batch differ.

    Args:
        images: float [B, H, W, C] in [-1, 1].

    Returns:
        Scalar: the standard deviation over the batch, averaged over pixels
        and channels. 0 if all pictures are equal; 0.2 to 0.6 for photographs.
    """
    return ops.mean(ops.std(ops.cast(images, "float32"), axis=0))


class EarlyWarnings(EverySteps):
    """Warns of a collapsed generator or a saturated discriminator.

    It reads what methods log: `drawn_spread` (`spread` of drawn pictures),
    `real_logit`, `fake_logit` and `generator_loss`. A state must last, since
    healthy trainings pass through it, at their start for one. It is warned of
    once, and again only after it was over in between.

    Args:
        patience: steps that a state lasts before it is warned of.
        least_spread: pictures that differ by less are nearly equal; 0.02 is
            less than three of 256 shades.
        most_gap: mean real and fake logits farther apart saturate: at 12,
            sigmoids at the middle differ from 0 and 1 by 0.0025.
        most_loss: so does a generator loss above this.
        every_steps: steps between two looks.
    """

    def __init__(
        self,
        patience=300,
        least_spread=0.02,
        most_gap=12.0,
        most_loss=30.0,
        every_steps=10,
    ):
        super().__init__(every_steps)
        self.patience = patience
        self.least_spread = least_spread
        self.most_gap = most_gap
        self.most_loss = most_loss

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self._since = {}
        self._warned = set()

    def act(self, logs):
        # Values are arrays where one execution makes several steps.
        logs = {k: float(ops.mean(v)) for k, v in (logs or {}).items()}
        spread = logs.get("drawn_spread", float("inf"))
        gap = logs.get("real_logit", 0.0) - logs.get("fake_logit", 0.0)
        loss = logs.get("generator_loss", 0.0)
        self._look(spread < self.least_spread, _COLLAPSED, spread=spread)
        saturated = gap > self.most_gap or loss > self.most_loss
        self._look(saturated, _SATURATED, gap=gap, loss=loss)

    def _look(self, there, message, **values):
        if not there:
            self._since.pop(message, None)
            self._warned.discard(message)
            return
        since = self._since.setdefault(message, self.step)
        if self.step - since >= self.patience and message not in self._warned:
            self._warned.add(message)
            warnings.warn(
                f"Step {self.step}. "
                + message.format(steps=self.step - since, **values)
            )
