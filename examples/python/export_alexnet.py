#!/usr/bin/env python3
"""Write AlexNet's weights as an .npz file that `hypertape distill --net alexnet --weights` takes.

usage: python3 export_alexnet.py OUT.npz [--state-dict FILE.pth | --random SEED] [--classes N]     (needs NumPy and PyTorch)

Without an option the weights are torchvision's, trained on ImageNet (1,000 classes), which needs torchvision and, unless they are in
its cache, the network. --state-dict takes them from a file that torch.save wrote of the state_dict of such a network; --random
draws new ones of N classes, as PyTorch does, after torch.manual_seed(SEED).

OUT.npz has one float32 array for each parameter, under its name in the state_dict, features.0.weight to classifier.6.bias. The weights
are for images of 224 x 224 whose channels were normalized by the mean and standard deviation of the training images. For other
classes than those of the file, hypertape's --new-head draws classifier.6 anew:

    python3 export_alexnet.py alexnet.npz
    hypertape distill --dataset folder --data pets --image-size 224 --fit crop --net alexnet \\
      --init fixed-pretrained --weights alexnet.npz --new-head --out out/pets
"""
import argparse
import pathlib
import sys

import numpy as np
import torch
from torch import nn


class InputError(Exception):
    """Weights that are not there, or are no AlexNet's."""


class AlexNet(nn.Module):
    """torchvision's network: the same names, shapes and values, in a test."""

    def __init__(self, classes=1000):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2))
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.classifier = nn.Sequential(
            nn.Dropout(), nn.Linear(9216, 4096), nn.ReLU(),
            nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, classes))

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def pretrained():
    """torchvision's state_dict."""
    try:
        from torchvision.models import alexnet
    except ImportError:
        raise InputError("torchvision is not installed: name a file by --state-dict, or draw weights by --random") from None
    try:
        return alexnet(weights="IMAGENET1K_V1").state_dict()
    except TypeError:  # before torchvision 0.13
        return alexnet(pretrained=True).state_dict()
    except OSError as error:
        raise InputError(f"torchvision's weights are not in its cache, and cannot be fetched: {error}") from None


def state_dict_of(path):
    try:
        state = torch.load(path, map_location="cpu")
    except Exception as error:  # whatever unpickling raises
        raise InputError(f"{path}: not a file of torch.save: {error}") from None
    if not isinstance(state, dict):
        raise InputError(f"{path}: holds no state_dict, but a {type(state).__name__}")
    return state.get("state_dict", state)


def checked(state):
    """The state as arrays, which are those of an AlexNet of any number of classes."""
    head = state.get("classifier.6.weight")
    if not isinstance(head, torch.Tensor) or head.dim() != 2:
        raise InputError("no AlexNet: there is no matrix classifier.6.weight")
    want = {name: tuple(value.shape) for name, value in AlexNet(len(head)).state_dict().items()}
    got = {name: tuple(value.shape) for name, value in state.items()}
    for name in sorted(want.keys() | got.keys()):
        if want.get(name) != got.get(name):
            raise InputError(f"no AlexNet: {name} should be {want.get(name, 'absent')}, is {got.get(name, 'absent')}")
    return {name: state[name].detach().to(torch.float32).numpy() for name in want}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", metavar="OUT.npz", type=pathlib.Path)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--state-dict", metavar="FILE.pth", type=pathlib.Path)
    source.add_argument("--random", metavar="SEED", type=int)
    parser.add_argument("--classes", metavar="N", type=int, help="of --random (default: 1000)")
    options = parser.parse_args()
    if options.classes is not None and (options.random is None or options.classes < 1):
        parser.error("--classes goes with --random, and is 1 or more")
    if options.random is not None:
        torch.manual_seed(options.random)
        state = AlexNet(options.classes or 1000).state_dict()
    else:
        state = state_dict_of(options.state_dict) if options.state_dict else pretrained()
    arrays = checked(state)
    with open(options.out, "wb") as file:  # np.savez would add an ending to a name without one
        np.savez(file, **arrays)
    print(f"{options.out}: {sum(array.size for array in arrays.values()):,} weights, "
          f"{len(arrays['classifier.6.bias'])} classes")


if __name__ == "__main__":
    try:
        main()
    except (InputError, OSError) as error:
        sys.exit(f"export_alexnet.py: {error}")
