"""Trains a classifier on batches of stored images. Kill it at any moment and start it again: it goes on.

    python examples/train.py [FOLDER] [--epochs 4]

Needs NumPy alone; if torch is installed, the model is one of torch. What is learned is the same with and without a
break, bit for bit: the checkpoint holds the weights and the place of the loader, and the rest follows from the seed.
"""

import argparse
import importlib
import json
import os
import tempfile
import time
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import simplezarr as sz
import simplezarr.torch as szt  # which needs torch when it is used
from simplezarr.loader import Cast, Loader, Rows

torch: Any = importlib.import_module("torch") if find_spec("torch") else None

CLASSES, COUNT, HELD_OUT, SIDE, BATCH = 10, 12_000, 2_000, 16, 50
EVERY = 20  # batches from checkpoint to checkpoint


def make_data(place: Path) -> None:
    """Store images of ten patterns in noise, and the number of each one's pattern."""
    rng = np.random.default_rng(0)
    patterns = rng.random((CLASSES, SIDE, SIDE)) * 40
    labels = rng.integers(0, CLASSES, COUNT, "u1")
    images = np.clip(patterns[labels] + rng.normal(100, 60, (COUNT, SIDE, SIDE)), 0, 255).astype("u1")
    sz.create_array(place, "image", data=images, chunks=(100, SIDE, SIDE), overwrite=True)
    sz.create_array(place, "label", data=labels, chunks=(1000,), overwrite=True)


class Regression:
    """Softmax regression in NumPy."""

    def __init__(self) -> None:
        self.weights = {"w": np.zeros((SIDE * SIDE, CLASSES), "f4"), "b": np.zeros(CLASSES, "f4")}

    def scores(self, images: Any) -> np.ndarray:
        scores: np.ndarray = images.reshape(len(images), -1) @ self.weights["w"] + self.weights["b"]
        return scores

    def learn(self, images: Any, labels: Any) -> float:
        """Take a step of gradient descent, and return the loss before it."""
        exp = np.exp((scores := self.scores(images)) - scores.max(1, keepdims=True))
        shares = exp / exp.sum(1, keepdims=True)
        rows = np.arange(len(labels)), labels
        loss = -float(np.log(shares[rows] + 1e-9).mean())
        shares[rows] -= 1
        self.weights["w"] -= 0.01 * images.reshape(len(images), -1).T @ shares / len(labels)
        self.weights["b"] -= 0.01 * shares.mean(0)
        return loss


class TorchRegression:
    """The same as a module of torch."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        torch.set_num_threads(1)  # the other cores decode the next batches
        self.module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(SIDE * SIDE, CLASSES))
        self.optimizer = torch.optim.SGD(self.module.parameters(), lr=0.01)

    @property
    def weights(self) -> dict[str, np.ndarray]:
        return {name: values.numpy() for name, values in self.module.state_dict().items()}

    @weights.setter
    def weights(self, weights: dict[str, np.ndarray]) -> None:
        self.module.load_state_dict({name: torch.from_numpy(values) for name, values in weights.items()})

    def scores(self, images: Any) -> np.ndarray:
        with torch.no_grad():
            scores: np.ndarray = self.module(images).numpy()
        return scores

    def learn(self, images: Any, labels: Any) -> float:
        self.optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(self.module(images), labels.long())
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())


def main(folder: Path, epochs: int) -> None:
    place, checkpoint = folder / "images.zarr", folder / "checkpoint.npz"
    if not sz.exists(place, "label"):  # which is stored last
        make_data(place)
    arrays = {name: sz.open_array(place, name) for name in ("image", "label")}
    cast = {"image": Cast("float32", scale=1 / 50, offset=-2)}
    split = COUNT - HELD_OUT
    train = Loader(arrays, Rows(), batch_size=BATCH, window="1 MiB", seed=1, cast=cast, indices=np.arange(split))
    test = Loader(
        arrays, Rows(), batch_size=500, shuffle=False, cast=cast, indices=np.arange(split, COUNT), drop_last=False
    )
    print(train.describe())

    model = TorchRegression() if torch else Regression()
    batches: Any = szt.loader(train) if torch else train
    if checkpoint.exists():
        with np.load(checkpoint) as saved:
            state = json.loads(str(saved["loader"]))
            model.weights = {name: saved[name] for name in saved if name != "loader"}
        batches.load_state_dict(state)
        print(f"goes on in epoch {state['epoch']} behind batch {state['batch']}")

    while (epoch := batches.state_dict()["epoch"]) < epochs:
        begin, images, loss = time.perf_counter(), 0, 0.0
        for batch in batches:
            loss = model.learn(batch["image"], batch["label"])
            images += len(batch["label"])
            done = batches.state_dict()["batch"] or len(batches)
            if done % EVERY == 0:
                save(checkpoint, model.weights, batches.state_dict())
                rate = images / (time.perf_counter() - begin)
                print(
                    f"epoch {epoch}  {done}/{len(batches)}  loss {loss:.3f}  {rate:.0f} images/s", end="\r", flush=True
                )
        print(f"\nepoch {epoch}: {accuracy(model, szt.loader(test) if torch else test):.1%} of the held-out images")


def save(checkpoint: Path, weights: dict[str, np.ndarray], state: dict[str, Any]) -> None:
    """Replace the checkpoint in one step, so that there is always a whole one."""
    draft = checkpoint.with_suffix(".draft.npz")
    np.savez(draft, allow_pickle=False, loader=json.dumps(state), **weights)
    os.replace(draft, checkpoint)


def accuracy(model: Regression | TorchRegression, batches: Iterable[Any]) -> float:
    right = [model.scores(batch["image"]).argmax(1) == np.asarray(batch["label"]) for batch in batches]
    return float(np.concatenate(right).mean())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="of the images and the checkpoint; by default a new one")
    parser.add_argument("--epochs", type=int, default=4)
    arguments = parser.parse_args()
    if arguments.folder is None:
        with tempfile.TemporaryDirectory() as new:
            main(Path(new), arguments.epochs)
    else:
        main(arguments.folder, arguments.epochs)
