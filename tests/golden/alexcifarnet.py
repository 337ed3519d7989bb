#!/usr/bin/env python3
"""Golden values of AlexCifarNet, its gradient and a Hessian-vector product, computed by PyTorch in double precision.

usage: python3 alexcifarnet.py > alexcifarnet.txt        (needs NumPy and PyTorch)

AlexCifarNet on 3 x 32 x 32: conv 5x5 to 64 channels (padding 2), relu, max-pool 3/2 (padding 1), local response norm (size 4,
alpha 0.001 / 9, beta 0.75, k 1); conv 5x5 to 64 (padding 2), relu, the same norm, max-pool 3/2 (padding 1); then linear layers
4096-384-192-10 with relu between. theta is flat: each layer's weight, then its bias, row-major in PyTorch's axis order.
The loss is mean softmax cross-entropy of two images. The Hessian-vector product is d/d theta <dloss/d theta, v>, by a second
backward pass.

Inputs are those of lenet_hypergradient.py, whose functions are used: with u = uniform(salt, i)

    theta       salt 1: weights (2u - 1) * sqrt(3 / fan_in), biases (2u - 1) * 0.1
    v           salt 2, by the same formulas
    images      salt 10, shape (2, 3, 32, 32): 2u - 1
    labels      3 and 8

The file has the blocks of lenet_hypergradient.txt: logits (row-major) and loss; then for G = theta (the gradient), images (the
gradient) and hvp the blocks G/norm, G/sample (every 5003rd entry, of images every 31st) and G/projection; for theta and hvp
also G/norms, the norm of each weight and bias.
"""
import torch
import torch.nn.functional as F

import lenet_hypergradient as golden

LAYERS = [("conv", (64, 3, 5, 5)), ("conv", (64, 64, 5, 5)), ("linear", (384, 4096)), ("linear", (192, 384)), ("linear", (10, 192))]
golden.LAYERS = LAYERS


def flat_weights(salt):
    scale = torch.cat([torch.full((count,), size, dtype=torch.float64) for count, size in golden.parameter_scales()])
    return golden.symmetric(salt, scale.numel()) * scale


def split(theta):
    return theta.split([count for count, _ in golden.parameter_scales()])


def normalize(x):
    return F.local_response_norm(x, size=4, alpha=0.001 / 9, beta=0.75, k=1)


def alexcifarnet(theta, x):
    chunks = iter(split(theta))
    weights = [(next(chunks).view(shape), next(chunks)) for _, shape in LAYERS]
    x = normalize(F.max_pool2d(F.relu(F.conv2d(x, *weights[0], padding=2)), 3, 2, 1))
    x = F.max_pool2d(normalize(F.relu(F.conv2d(x, *weights[1], padding=2))), 3, 2, 1).flatten(1)
    x = F.relu(F.linear(x, *weights[2]))
    x = F.relu(F.linear(x, *weights[3]))
    return F.linear(x, *weights[4])


def main():
    torch.set_num_threads(1)
    print("# AlexCifarNet's logits, gradient and a Hessian-vector product, in double precision.")
    print("# Written by alexcifarnet.py, whose first lines define every input and block, with PyTorch %s." % torch.__version__)
    theta, v = flat_weights(1).requires_grad_(), flat_weights(2)
    images = golden.symmetric(10, 2, 3, 32, 32).requires_grad_()
    logits = alexcifarnet(theta, images)
    loss = F.cross_entropy(logits, torch.tensor([3, 8]))
    d_theta, d_images = torch.autograd.grad(loss, [theta, images], create_graph=True)
    hvp, = torch.autograd.grad(d_theta.dot(v), theta)
    golden.print_block("logits", logits.flatten())
    golden.print_block("loss", [loss])
    golden.print_gradient("images", d_images, 31)
    for name, gradient in (("theta", d_theta), ("hvp", hvp)):
        golden.print_gradient(name, gradient, 5003)
        golden.print_block(name + "/norms", [part.norm() for part in split(gradient)])


if __name__ == "__main__":
    main()
