#!/usr/bin/env python3
"""Distills MNIST with PyTorch, by the recipe of row `race` of bench/reproduce/rows.py, and notes what it reached when.

usage: distillation.py MNIST_FOLDER [--iterations N] [--seed N] [--threads N] >race-pytorch.csv

Ten images, one for each digit, train new ConvNets of 32 channels by 60 steps of Adam; the hypergradient goes back
through the last 20 of a random number of steps (Feng, Ramasinghe and Kempe 2023). The graph of these steps is one, as
PyTorch's users write it. Prints CSV: iteration, loss, hold_out_score (percent of 5,000 held-out training images that
are right, a mean over four networks), and seconds, the evaluations among them.

On Debian: apt-get install --no-install-recommends python3-torch python3-numpy libopenblas0-openmp
"""

import argparse
import gzip
import math
import pathlib
import sys
import time

import numpy
import torch
import torch.nn.functional as F

from hypergradient import Network, convnet, layers

WIDTH, STEPS, WINDOW, BATCH, HELD_OUT = 32, 60, 20, 256, 5000
RATE, FIRST, SECOND, EPSILON = 1e-3, 0.9, 0.999, 1e-8  # of the inner Adam
OUTER_RATE = 0.01
IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"


def idx(path):
    with gzip.open(path) as file:
        data = file.read()
    extents = [int.from_bytes(data[4 + 4 * i:8 + 4 * i], "big") for i in range(data[3])]
    return torch.from_numpy(numpy.frombuffer(data, numpy.uint8, offset=4 + 4 * len(extents)).reshape(extents).copy())


def training_images(folder):
    """(60000, 1, 32, 32) of zero mean and unit variance but for the margin, which is 0 after that; and labels."""
    images = idx(folder / IMAGES).float().unsqueeze(1) / 255
    images = (images - images.mean()) / images.std()
    return F.pad(images, (2, 2, 2, 2)), idx(folder / LABELS).long()


NET = Network(
    (1, 32, 32),
    [shape for channels in (1, WIDTH, WIDTH) for shape in ((WIDTH, channels, 3, 3), (WIDTH,), (WIDTH,), (WIDTH,))]
    + layers((10, WIDTH * 16)), convnet, ones=(2, 6, 10))


def new_weights():
    """As PyTorch's layers begin."""
    parts = []
    for i, shape in enumerate(NET.shapes):
        if len(shape) > 1:
            bound = 1 / math.sqrt(math.prod(shape[1:]))
            parts += [torch.empty(shape).uniform_(-bound, bound), torch.empty(shape[0]).uniform_(-bound, bound)]
        elif len(NET.shapes[i - 1]) == 1:  # after a bias: gamma and beta
            parts.append(torch.full(shape, float(i in NET.ones)))
    return torch.cat([part.flatten() for part in parts])


def adam(theta, moments, t, images, labels, create_graph=False):
    """Step t (from 0) of Adam along the loss of the images: the next theta and moments."""
    g, = torch.autograd.grad(F.cross_entropy(NET(theta, images), labels), theta, create_graph=create_graph)
    first, second = FIRST * moments[0] + (1 - FIRST) * g, SECOND * moments[1] + (1 - SECOND) * g * g
    # The root of 0 has no derivative.
    root = (second / (1 - SECOND ** (t + 1)) + EPSILON ** 2).sqrt() + EPSILON
    return theta - RATE / (1 - FIRST ** (t + 1)) * first / root, (first, second)


def trained(images, labels, steps):
    """New weights after that many steps, and Adam's moments."""
    theta = new_weights()
    moments = (torch.zeros_like(theta),) * 2
    for t in range(steps):
        theta, moments = adam(theta.requires_grad_(), moments, t, images, labels)
        theta, moments = theta.detach(), tuple(moment.detach() for moment in moments)
    return theta, moments


def score(images, labels, x, y):
    total = 0
    for _ in range(4):
        theta, _ = trained(images, labels, STEPS)
        with torch.no_grad():
            for part, truth in zip(x.split(500), y.split(500)):
                total += int((NET(theta, part).argmax(1) == truth).sum())
    return 100 * total / (4 * len(y))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="with MNIST's files")
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--evaluate-every", type=int, default=20)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    for name in (IMAGES, LABELS):
        if not (options.folder / name).is_file():
            parser.error(f"no {name} in {options.folder}")
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    x, y = training_images(options.folder)
    order = torch.randperm(len(y))
    held_out, kept = order[:HELD_OUT], order[HELD_OUT:]
    labels = torch.arange(10)
    images = torch.stack([x[kept[y[kept] == digit][0]] for digit in range(10)]).requires_grad_()
    margin = F.pad(torch.ones(1, 1, 28, 28), (2, 2, 2, 2))
    outer = torch.optim.Adam([images], lr=OUTER_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(outer, options.iterations)
    average = None

    start = time.monotonic()
    print("iteration,loss,hold_out_score,seconds")
    for iteration in range(options.iterations + 1):
        if iteration % options.evaluate_every == 0:
            at = score(images.detach(), labels, x[held_out], y[held_out])
            print(f"{iteration},{loss.item() if iteration else ''},{at:.2f},{time.monotonic() - start:.2f}", flush=True)
        if iteration == options.iterations:
            break
        end = int(torch.randint(WINDOW, STEPS + 1, ()))
        theta, moments = trained(images.detach(), labels, end - WINDOW)
        theta.requires_grad_()
        for t in range(end - WINDOW, end):
            theta, moments = adam(theta, moments, t, images, labels, create_graph=True)
        batch = kept[torch.randint(len(kept), (BATCH,))]
        last = theta.detach().requires_grad_()
        loss = F.cross_entropy(NET(last, x[batch]), y[batch])
        outer.zero_grad()
        theta.backward(torch.autograd.grad(loss, last)[0], inputs=[images])
        with torch.no_grad():
            images.grad *= margin
            norm = images.grad.norm()
            average = norm if average is None else 0.9 * average + 0.1 * norm
            images.grad *= torch.clamp(2 * average / norm, max=1)
        outer.step()
        schedule.step()


if __name__ == "__main__":
    sys.exit(main())
