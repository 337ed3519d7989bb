#!/usr/bin/env python3
"""Golden values of a small AlexNet, its gradient and a Hessian-vector product, computed by PyTorch in double precision.

usage: python3 alexnet.py > alexnet.txt        (needs NumPy and PyTorch)

AlexNet as torchvision has it, with 4 channels in the first convolution instead of 64 and all others in proportion, on 3 x 96 x 96:
conv 11x11 to 4 (stride 4, padding 2), relu, max-pool 3/2, conv 5x5 to 12 (padding 2), relu, max-pool 3/2, conv 3x3 to 24, relu, conv
3x3 to 16, relu, conv 3x3 to 16 (padding 1 each), relu, max-pool 3/2, which leaves 2 x 2; then linear layers 64-256-256-10 with relu
between. No dropout. theta is flat: each layer's weight, then its bias, row-major in PyTorch's axis order. The loss is mean softmax
cross-entropy of two images. The Hessian-vector product is d/d theta <dloss/d theta, v>, by a second backward pass.

Inputs are those of lenet_hypergradient.py, whose functions are used: with u = uniform(salt, i)

    theta       salt 1: weights (2u - 1) * sqrt(3 / fan_in), biases (2u - 1) * 0.1
    v           salt 2, by the same formulas
    images      salt 10, shape (2, 3, 96, 96): 2u - 1
    labels      3 and 8

The file has the blocks of lenet_hypergradient.txt: logits (row-major) and loss; then for G = theta (the gradient), images (the
gradient) and hvp the blocks G/norm, G/sample (every 503rd entry, of images every 131st) and G/projection.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

import lenet_hypergradient as golden

WIDTH = 4


def features():
    w = WIDTH
    return nn.Sequential(
        nn.Conv2d(3, w, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(w, 3 * w, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(3 * w, 6 * w, 3, padding=1), nn.ReLU(),
        nn.Conv2d(6 * w, 4 * w, 3, padding=1), nn.ReLU(),
        nn.Conv2d(4 * w, 4 * w, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2))


def classifier():
    w = WIDTH
    return nn.Sequential(nn.Linear(16 * w, 64 * w), nn.ReLU(), nn.Linear(64 * w, 64 * w), nn.ReLU(), nn.Linear(64 * w, 10))


def flat_weights(network, salt):
    parts = list(network.parameters())
    scale = [(3 / part[0].numel()) ** 0.5 if part.dim() > 1 else 0.1 for part in parts]
    uniform = golden.symmetric(salt, sum(part.numel() for part in parts)).split([part.numel() for part in parts])
    return torch.cat([u * s for u, s in zip(uniform, scale)])


def main():
    torch.set_num_threads(1)
    print("# A small AlexNet's logits, gradient and a Hessian-vector product, in double precision.")
    print("# Written by alexnet.py, whose first lines define every input and block, with PyTorch %s." % torch.__version__)
    network = nn.Sequential(features(), nn.Flatten(), classifier()).double()
    theta, v = flat_weights(network, 1), flat_weights(network, 2)
    nn.utils.vector_to_parameters(theta, network.parameters())
    images = golden.symmetric(10, 2, 3, 96, 96).requires_grad_()
    logits = network(images)
    loss = F.cross_entropy(logits, torch.tensor([3, 8]))
    *d_parts, d_images = torch.autograd.grad(loss, [*network.parameters(), images], create_graph=True)
    d_theta = torch.cat([part.flatten() for part in d_parts])
    hvp = torch.cat([part.flatten() for part in torch.autograd.grad(d_theta.dot(v), list(network.parameters()))])
    golden.print_block("logits", logits.flatten())
    golden.print_block("loss", [loss])
    golden.print_gradient("images", d_images, 131)
    golden.print_gradient("theta", d_theta, 503)
    golden.print_gradient("hvp", hvp, 503)


if __name__ == "__main__":
    main()
