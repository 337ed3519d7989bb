#!/usr/bin/env python3
"""Train a plain PyTorch LeNet on a distilled set and test it.

usage: python3 train_on_distilled.py DISTILLED.npz --data DIR        (needs NumPy and PyTorch)

DISTILLED.npz holds a distilled set for a fixed initialization:

    images          float32 (steps, images, channels, height, width), normalized
    labels          int64 (steps, images), or float32 (steps, images, classes) if soft
    learning_rates  float32 (epochs, steps)
    mean, std       float32 (channels), of the normalization (pixel / 255 - mean) / std
    rule            the bytes of words such as sgd:momentum=0.9, unless it is plain gradient descent
    unordered       int64 (2): steps and images of a step, if the images of one "step" are a set without an order
    theta0          float32, LeNet's initial parameters, flat: weight and bias of conv1, conv2, fc1, fc2, fc3
    classes         int64 (1), how many there are; dataset, the bytes of the name of what the images were made from (not in older files)

DIR holds the test set: t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, plain or gzipped. Nothing here knows how the images
were made: the training is a step of the rule (theta <- theta - learning rate * gradient) for each step of each epoch. Prints the test
accuracy in percent before and after it. Test labels that are none of the set's classes, or fewer, are refused; test images of quite another
brightness than those that the set was made from are said.
"""
import argparse
import gzip
import pathlib
import sys
import zipfile
import zlib

import numpy as np
import torch
import torch.nn.functional as F

ARRAYS = ("images", "labels", "learning_rates", "mean", "std", "theta0")


class InputError(Exception):
    """A file that is missing or does not hold what it should."""


class LeNet(torch.nn.Module):
    """LeNet for 28 x 28 images (padded by 2) or 32 x 32 images."""

    def __init__(self, channels, side, classes):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(channels, 6, 5, padding=2 if side == 28 else 0)
        self.conv2 = torch.nn.Conv2d(6, 16, 5)
        self.fc1 = torch.nn.Linear(400, 120)
        self.fc2 = torch.nn.Linear(120, 84)
        self.fc3 = torch.nn.Linear(84, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2).flatten(1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


def parameter_count(channels, side, classes):
    return sum(p.numel() for p in LeNet(channels, side, classes).parameters())


def count_classes(theta_size, channels, side):
    """The number of classes with which LeNet has theta_size parameters."""
    fixed = parameter_count(channels, side, 1)
    per_class = parameter_count(channels, side, 2) - fixed
    classes = 1 + (theta_size - fixed) // per_class
    if classes < 2 or parameter_count(channels, side, classes) != theta_size:
        raise InputError(f"theta0: {theta_size} values fit no LeNet for {channels} x {side} x {side} images")
    return classes


def read_distilled(path):
    """The arrays of a distilled set, as a dictionary of tensors."""
    try:
        with np.load(path) as file:
            missing = [name for name in ARRAYS if name not in file]
            if missing:
                raise InputError(f"{path}: no array {', '.join(missing)}")
            arrays = {name: torch.from_numpy(file[name]) for name in ARRAYS}
            known = {name: file[name] for name in ("classes", "dataset") if name in file}
            for name, what in (("augmentation", "varied at random in each step"), ("whitening", "whitened")):
                if name in file:
                    raise InputError(f"{path}: made for images that are {what}, which this program does not do")
            known["rule"] = file["rule"] if "rule" in file else None
            known["momentum"] = file["momentum"] if "momentum" in file else None
            known["unordered"] = file["unordered"] if "unordered" in file else None
    except (OSError, ValueError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a readable .npz file ({error})") from error
    check_types(path, arrays)
    check_shapes(path, arrays)
    arrays["rule"], arrays["unordered"] = training(path, known, arrays)
    return arrays, origin(path, {name: known[name] for name in ("classes", "dataset") if name in known})


def training(path, known, arrays):
    """The update rule in words, and (steps, batch) of a set without an order, else nothing."""
    rule, momentum, unordered = known["rule"], known["momentum"], known["unordered"]
    try:
        words = bytes(rule.astype(np.uint8)).decode() if rule is not None else "sgd" if momentum is None else f"sgd:momentum={momentum[0]}"
        optimizer_of(words, [torch.zeros(1, requires_grad=True)])
    except (ValueError, KeyError, AttributeError) as error:
        raise InputError(f"{path}: rule: not an update rule that this program knows ({error})") from error
    if unordered is None:
        return words, None
    if unordered.shape != (2,) or arrays["images"].shape[0] != 1 or arrays["learning_rates"].shape != (1, 1) or unordered.min() < 1:
        raise InputError(f"{path}: unordered is {unordered}, expected steps and images of a step, and one learning rate")
    return words, (int(unordered[0]), int(unordered[1]))


def optimizer_of(rule, parameters):
    """torch.optim's optimizer of words such as sgd:momentum=0.9,weight_decay=5e-4; the learning rate is set in each step."""
    name, _, rest = rule.partition(":")
    numbers = {key: float(value) for key, value in (part.split("=") for part in rest.split(",") if part)}
    if "beta1" in numbers:
        numbers["betas"] = (numbers.pop("beta1"), numbers.pop("beta2"))
    if "epsilon" in numbers:
        numbers["eps"] = numbers.pop("epsilon")
    optimizers = {
        "sgd": (torch.optim.SGD, {}), "nesterov": (torch.optim.SGD, {"nesterov": True}),
        "adam": (torch.optim.Adam, {}), "adamw": (torch.optim.AdamW, {}),
        "rmsprop": (torch.optim.RMSprop, {}), "centered-rmsprop": (torch.optim.RMSprop, {"centered": True}),
    }
    kind, options = optimizers[name]
    return kind(parameters, lr=1.0, **options, **numbers)


def origin(path, known):
    """How many classes the images were made for, and from what, as far as the file says so."""
    for name, array in known.items():
        if array.dtype != np.int64 or array.ndim != 1 or array.size < 1 or array.min() < 0 or (name == "dataset" and array.max() > 255):
            raise InputError(f"{path}: {name} holds no {'number' if name == 'classes' else 'text'}")
    name = bytes(known["dataset"].astype(np.uint8)).decode(errors="replace") if "dataset" in known else "other data"
    return int(known["classes"][0]) if "classes" in known else None, name


def check_types(path, arrays):
    for name, array in arrays.items():
        expected = torch.int64 if name == "labels" and array.dim() == 2 else torch.float32
        if array.dtype != expected:
            raise InputError(f"{path}: {name} is {array.dtype}, expected {expected}")


def check_shapes(path, arrays):
    shape = {name: tuple(array.shape) for name, array in arrays.items()}
    if len(shape["images"]) != 5 or shape["images"][3:] not in ((28, 28), (32, 32)):
        raise InputError(f"{path}: images has shape {shape['images']}, expected (steps, images, channels, 28, 28) or (..., 32, 32)")
    steps, count, channels = shape["images"][:3]
    if shape["labels"][:2] != (steps, count) or len(shape["labels"]) > 3:
        raise InputError(f"{path}: labels has shape {shape['labels']}, expected ({steps}, {count}) or ({steps}, {count}, classes)")
    if len(shape["learning_rates"]) != 2 or shape["learning_rates"][1] != steps:
        raise InputError(f"{path}: learning_rates has shape {shape['learning_rates']}, expected (epochs, {steps})")
    for name in ("mean", "std"):
        if shape[name] != (channels,):
            raise InputError(f"{path}: {name} has shape {shape[name]}, expected ({channels},)")
    if len(shape["theta0"]) != 1:
        raise InputError(f"{path}: theta0 has shape {shape['theta0']}, expected a flat vector")


def check_labels(path, labels, classes):
    if labels.dim() == 3 and labels.shape[2] != classes:
        raise InputError(f"{path}: labels has {labels.shape[2]} classes, theta0 has {classes}")
    if labels.dim() == 2 and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise InputError(f"{path}: labels reach from {int(labels.min())} to {int(labels.max())}, theta0 has {classes} classes")


def check_test_set(path, made_from, classes, mean, std, pixels, labels):
    """Refuses other classes than the set's; says it if the images are unlike those that it was made from."""
    found = int(labels.max()) + 1
    if found != classes:
        raise InputError(f"{path}: was made from {made_from} with {classes} classes, the test set has {found}")
    test_mean, test_std = float(pixels.mean()), float(pixels.std())
    if abs(test_mean - float(mean.mean())) > 0.05 or abs(test_std - float(std.mean())) > 0.05:
        print(f"warning: {path}: was made from {made_from} of mean {float(mean.mean()):.3f} and standard deviation {float(std.mean()):.3f};"
              f" the test images have {test_mean:.3f} and {test_std:.3f}", file=sys.stderr)


def read_idx(folder, name, dimensions):
    """The unsigned bytes of an IDX file, plain or gzipped."""
    path = next((p for p in (folder / name, folder / (name + ".gz")) if p.exists()), None)
    if path is None:
        raise InputError(f"{folder / name}: no such file, nor with .gz")
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: not readable ({error})") from error
    header = 4 + 4 * dimensions
    shape = tuple(np.frombuffer(data[4:header], ">u4").astype(int)) if len(data) >= header else ()
    if data[:4] != bytes((0, 0, 8, dimensions)) or len(data) != header + int(np.prod(shape)):
        raise InputError(f"{path}: not an IDX file of unsigned bytes in {dimensions} dimensions")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def read_test_set(folder, side):
    """Test images in 0 .. 1, (count, 1, side, side), padded with zeros if the network wants 32 x 32, and their labels."""
    pixels = read_idx(folder, "t10k-images-idx3-ubyte", 3)
    labels = read_idx(folder, "t10k-labels-idx1-ubyte", 1)
    if len(labels) != len(pixels):
        raise InputError(f"{folder}: {len(pixels)} test images, {len(labels)} test labels")
    margin = side - pixels.shape[1]
    if pixels.shape[1] != pixels.shape[2] or margin not in (0, 4):
        raise InputError(f"{folder}: test images are {pixels.shape[1]} x {pixels.shape[2]}, the distilled ones {side} x {side}")
    gray = F.pad(torch.from_numpy(pixels.astype(np.float32))[:, None] / 255, (margin // 2,) * 4)
    return gray, torch.from_numpy(labels.astype(np.int64))


def normalized(gray, mean, std):
    """(pixel - mean) / std for each channel; gray images repeat in every one."""
    return (gray - mean.view(1, -1, 1, 1)) / std.view(1, -1, 1, 1)


def cross_entropy(logits, labels):
    """The mean loss, for labels (images) or soft labels (images, classes)."""
    if labels.dim() == 1:
        return F.cross_entropy(logits, labels)
    return -(labels * F.log_softmax(logits, 1)).sum(1).mean()


def steps_of(arrays):
    """Images, labels and learning rate of each step."""
    images, labels, rates = arrays["images"], arrays["labels"], arrays["learning_rates"]
    if arrays["unordered"] is None:
        for epoch_rates in rates:
            yield from zip(images, labels, epoch_rates)
        return
    steps, batch = arrays["unordered"]
    for _ in range(steps):  # the program draws as many of each class, which changes little
        drawn = torch.randperm(images.shape[1])[:batch]
        yield images[0][drawn], labels[0][drawn], rates[0, 0]


def train(net, arrays):
    optimizer = optimizer_of(arrays["rule"], list(net.parameters()))
    for x, y, rate in steps_of(arrays):
        optimizer.zero_grad()
        cross_entropy(net(x), y).backward()
        optimizer.param_groups[0]["lr"] = float(rate)
        optimizer.step()


def accuracy(net, images, labels):
    with torch.no_grad():
        correct = sum(int((net(x).argmax(1) == y).sum()) for x, y in zip(images.split(1000), labels.split(1000)))
    return 100 * correct / len(labels)


def run(distilled, folder):
    arrays, (made_for, made_from) = read_distilled(distilled)
    channels, side = arrays["images"].shape[2], arrays["images"].shape[4]
    classes = count_classes(len(arrays["theta0"]), channels, side)
    if made_for not in (None, classes):
        raise InputError(f"{distilled}: was made for {made_for} classes, theta0 has {classes}")
    check_labels(distilled, arrays["labels"], classes)
    gray, test_labels = read_test_set(folder, side)
    check_test_set(distilled, made_from, classes, arrays["mean"], arrays["std"], gray, test_labels)
    test_images = normalized(gray, arrays["mean"], arrays["std"])
    net = LeNet(channels, side, classes)
    torch.nn.utils.vector_to_parameters(arrays["theta0"], net.parameters())
    print(f"test accuracy before training: {accuracy(net, test_images, test_labels):.2f} %")
    train(net, arrays)
    print(f"test accuracy after training:  {accuracy(net, test_images, test_labels):.2f} %")


def main():
    parser = argparse.ArgumentParser(description="Train a plain PyTorch LeNet on a distilled set and test it.")
    parser.add_argument("distilled", metavar="DISTILLED.npz", type=pathlib.Path)
    parser.add_argument("--data", metavar="DIR", type=pathlib.Path, required=True, help="folder of the IDX test files")
    arguments = parser.parse_args()
    try:
        run(arguments.distilled, arguments.data)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
