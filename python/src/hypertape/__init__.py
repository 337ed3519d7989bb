"""Dataset distillation: a few images, learned so that networks trained on them do well on real ones.

    import hypertape
    digits = hypertape.load_dataset("mnist")
    tiny = hypertape.distill(digits, iterations=500)
    print(hypertape.evaluate(tiny, digits))
    tiny.save("distilled.npz")
"""
from __future__ import annotations

import difflib
import os
import re
from typing import Any, Callable, Collection, Iterable, Optional, Union

from . import _core
from ._core import Dataset, DistilledSet, Evaluation, Progress, __version__
from .errors import ArgumentError, DataError, DivergenceError, Error, ShapeError

__all__ = [
    "ArgumentError",
    "DataError",
    "Dataset",
    "DistilledSet",
    "DivergenceError",
    "Error",
    "Evaluation",
    "Progress",
    "ShapeError",
    "__version__",
    "distill",
    "evaluate",
    "load",
    "load_dataset",
    "load_image_folder",
]

for _class in (Dataset, DistilledSet, Evaluation, Progress):
    _class.__module__ = "hypertape"


def distill(
    images: Any,
    labels: Any = None,
    *,
    network: str = "lenet",
    init: str = "fixed",
    initializer: str = "xavier-normal",
    gain: float = 1.0,
    seed: int = 1,
    threads: Optional[int] = None,
    start_from: Optional[DistilledSet] = None,
    progress: Optional[Callable[[Progress], Optional[bool]]] = None,
    **options: Any,
) -> DistilledSet:
    """Distills images and their labels, or a Dataset, as `hypertape distill` does.

    Returns the state that scored best on held-out images.

    network      lenet, alexcifarnet, alexnet, linear, mlp-64-32, convnet-3x128, ...
    init         fixed: for one network's initial weights, or random: for new ones each time
    initializer, gain   how these are drawn
    seed         of all random numbers
    threads      their number, which does not affect results; None: OpenMP's default
    start_from   a set to start from; its order, steps, epochs, rule and network may differ
    progress     called with a Progress before the first iteration and after each; it may return False to stop

    All other keywords are options of the tool:
    """
    _check_names(distill, options, _core.distill_options())
    ridge = options.get("outer_step") == "ridge"
    unroll_alone = ("networks", "window", "random_windows", "certify", "memory", "rates_learning_rate")
    _check_use(options, options.get("soft_labels"), "soft_labels=True", "labels_learning_rate", "clamp_labels")
    _check_use(options, options.get("start", "noise") == "noise", "start='noise'", "initial_noise")
    _check_use(options, start_from is None, "noise or real images, without start_from", "initial_noise", "start")
    _check_use(options, init != "fixed", "init='random'", "networks", "validation_networks")
    _check_use(options, not ridge, "outer_step='unroll'", *unroll_alone)
    _check_use(options, ridge, "outer_step='ridge'", "pool_networks", "pool_steps", "pool_learning_rate", "regularizer")
    if ridge and init != "random":
        raise ArgumentError("outer_step='ridge' goes with init='random'")
    weights = _core.Initialization(init, initializer, gain)
    return _core.distill(_dataset(images, labels), network, weights, seed, threads, start_from, progress, options)


def evaluate(
    distilled: DistilledSet,
    images: Any,
    labels: Any = None,
    *,
    network: str = "lenet",
    init: str = "fixed",
    initializer: Optional[str] = None,
    gain: Optional[float] = None,
    networks: Optional[int] = None,
    seed: int = 1,
    protocol: str = "paper",
    shuffle: bool = False,
    skip_diverged: bool = False,
    real_images: bool = False,
    threads: Optional[int] = None,
    progress: Optional[Callable[[Evaluation], Optional[bool]]] = None,
    **options: Any,
) -> Evaluation:
    """Trains networks on a distilled set and tests them with images and labels, or a Dataset's test images.

    init         fixed: the network that the set was made for, or random: `networks` new ones (200)
    protocol     paper: trained as the set says, or free: on its images as on any dataset, by the options below
    shuffle      take the steps of each epoch in random order
    skip_diverged   count a network that diverges as 0 % correct instead of stopping
    real_images  for comparison, train on random training images of the Dataset instead of the distilled ones
    progress     called with the results so far; it may return False to stop

    Options of protocol='free':
    """
    _check_names(evaluate, options, _core.free_training_options())
    if protocol not in ("paper", "free"):
        raise ArgumentError(f"protocol: needs one of paper, free, got {protocol!r}")
    _check_use(options, protocol == "free", "protocol='free'", *options)
    if shuffle and protocol == "free":
        raise ArgumentError("shuffle goes with protocol='paper'")
    random = {"networks": networks, "initializer": initializer, "gain": gain}
    given = [name for name, value in random.items() if value is not None]
    _check_use(given, init != "fixed", "init='random'", *random)
    if init == "fixed" and distilled.theta0 is None:
        raise ArgumentError(
            "evaluate: the set has no theta0, so it was not made for one network; use init='random' for new ones"
        )
    if not isinstance(images, Dataset):
        images = Dataset(None, None, images, labels, classes=distilled.classes)
    elif labels is not None:
        raise TypeError("evaluate() takes no labels with a Dataset, which has its own")
    weights = _core.Initialization(init, initializer or "xavier-normal", 1 if gain is None else gain)
    return _core.evaluate(
        distilled,
        images,
        network,
        weights,
        200 if networks is None else networks,
        seed,
        shuffle,
        skip_diverged,
        real_images,
        protocol == "free",
        threads,
        progress,
        options,
    )


def load(path: Union[str, "os.PathLike[str]"], classes: Optional[int] = None) -> DistilledSet:
    """Reads a distilled.npz of DistilledSet.save or the tool; one older than version 0.2 needs `classes`."""
    return _core.load(path, classes)


def load_dataset(name: str, data: Union[str, "os.PathLike[str]", None] = None) -> Dataset:
    """Reads mnist, fashion-mnist, mnist-rgb, usps, usps-resplit, cifar-10 or svhn, or generates glyphs.

    Files are in the folder `data`, or where the tool looks for them.
    """
    return _core.load_dataset(name, data)


def load_image_folder(
    folder: Union[str, "os.PathLike[str]"], *, size: int = 32, channels: int = 3, crop: bool = False
) -> Dataset:
    """The pictures train/CLASS/* and test/CLASS/* of a folder, PNG or JPEG, each resized to size x size."""
    return _core.load_image_folder(folder, size, channels, crop)


def _dataset(images: Any, labels: Any) -> Dataset:
    if not isinstance(images, Dataset):
        return Dataset(images, labels)
    if labels is not None:
        raise TypeError("distill() takes no labels with a Dataset, which has its own")
    return images


_Declared = Iterable["tuple[str, str, str, str]"]


def _check_names(function: Any, options: Iterable[str], declared: _Declared) -> None:
    """Rejects unknown options and suggests similar names."""
    known = [name for _, name, _, _ in declared]
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, [*known, *function.__kwdefaults__])
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise TypeError(f"{function.__name__}() has no option {name!r}{hint}")


def _check_use(given: Collection[str], allowed: Any, where: str, *names: str) -> None:
    """Rejects options that would be ignored: they apply only with `where`, which is chosen if `allowed`."""
    for name in names:
        if name in given and not allowed:
            raise ArgumentError(f"{name} goes with {where}")


def _described(declared: _Declared) -> str:
    """Documents the options and their defaults for a docstring."""
    text, group = "", None
    for heading, name, default, help in declared:
        if heading != group:
            text, group = f"{text}\n    {heading}\n", heading
        text += f"      {name} = {default}\n          {help}\n"
    return re.sub(r"--([a-z-]*[a-z])", lambda option: option[1].replace("-", "_"), text)  # as Python spells them


if distill.__doc__ and evaluate.__doc__:  # python -OO removes them
    distill.__doc__ += _described(_core.distill_options())
    evaluate.__doc__ += _described(_core.free_training_options())
