"""What a person sees while a run trains: a bar on a terminal, else one plain line per epoch."""

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tqdm import tqdm


class Reporter:
    """Shows the progress of one run on standard error."""

    def __init__(self, title: str, epochs: int, done: int) -> None:
        self.title, self.epochs, self.done = title, epochs, done
        self.start, self.first = time.perf_counter(), done
        self.bar: tqdm | None = None
        self.accuracy = ""
        self.shown = 0.0

    def step(self, step: int, steps: int, loss: Callable[[], float]) -> None:
        """Move the bar; the mean loss is read from the device only twice a second, because reading it waits for it."""
        if not sys.stderr.isatty():
            return
        if self.bar is None:
            self.bar = tqdm(total=steps * self.epochs, initial=steps * self.done, unit="step", file=sys.stderr)
            self.bar.set_description(self.title)
        self.bar.update(1)
        if time.perf_counter() - self.shown > 0.5:
            self.shown = time.perf_counter()
            epoch = f"epoch {self.done + 1}/{self.epochs}"
            self.bar.set_postfix_str(f"{epoch}, loss {loss():.3f}{self.accuracy}")

    def epoch(self, row: dict[str, float]) -> None:
        """Note the end of an epoch."""
        self.done = int(row["epoch"])
        self.accuracy = f", val {100 * row['val_accuracy']:.1f} %" if not math.isnan(row["val_loss"]) else ""
        each = (time.perf_counter() - self.start) / (self.done - self.first)
        line = (
            f"{self.title}: epoch {self.done}/{self.epochs}  lr {row['learning_rate']:.1e}  {self._judged(row)}  "
            f"{row['images_per_second']:.0f} images/s, at most {each * (self.epochs - self.done) / 60:.1f} min left"
        )
        if self.bar is None:
            print(line, file=sys.stderr, flush=True)
        else:
            self.bar.write(line, file=sys.stderr)

    @staticmethod
    def _judged(row: dict[str, float]) -> str:
        """Return losses and accuracies in evaluation mode; of an epoch that is not judged, the loss in training."""
        if math.isnan(row["val_loss"]):
            return f"loss {row['train_loss']:.3f}"
        return (
            f"loss train {row['train_eval_loss']:.3f} val {row['val_loss']:.3f}  "
            f"accuracy train {100 * row['train_eval_accuracy']:.1f} % val {100 * row['val_accuracy']:.1f} %"
        )

    def say(self, sentence: str) -> None:
        """Print a sentence without breaking the bar."""
        tqdm.write(f"{self.title}: {sentence}", file=sys.stderr)

    def close(self) -> None:
        """End the bar."""
        if self.bar is not None:
            self.bar.close()


def show(batches: Sequence[Any], title: str) -> Iterator[Any]:
    """Go through `batches` under a bar, or with a plain line for every tenth of them."""
    if sys.stderr.isatty():
        yield from tqdm(batches, desc=title, unit="batch", file=sys.stderr)
        return
    start = time.perf_counter()
    tenth = max(1, len(batches) // 10)
    for number, batch in enumerate(batches, start=1):
        yield batch
        if number % tenth == 0:
            left = (time.perf_counter() - start) / number * (len(batches) - number)
            print(f"{title}: batch {number}/{len(batches)}, {left / 60:.1f} min left", file=sys.stderr, flush=True)
