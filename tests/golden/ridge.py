#!/usr/bin/env python3
"""Golden values of the ridge regression upon a network's features, computed by PyTorch in double precision.

usage: python3 ridge.py > ridge.txt        (needs NumPy and PyTorch)

Features f(x) are the activations before LeNet's last layer (lenet_hypergradient.py, whose functions and inputs are used): theta_0 of
salt 1; distilled images of salt 10, shape (7, 1, 28, 28), and their labels of salt 40, shape (7, 10), whose rows are not normalized;
real images and labels of the outer loss there, 8 of salt 20. With labels less 1/10,

    K = f(x_s) f(x_s)^T    lambda = 1e-4 trace(K)    p = f(x_t) f(x_s)^T (K + lambda I)^-1 y_s    L = 1/16 sum (p - y_t)^2

by torch.linalg.solve, differentiated as one graph. Blocks: loss; and for the gradients with respect to
images (every 7th) and labels (all) norm, sample and projection.
"""
import torch
import torch.nn.functional as F

import lenet_hypergradient as golden


def features(theta, x):
    chunks = iter(theta.split([count for count, _ in golden.parameter_scales()]))
    for layer, (kind, shape) in enumerate(golden.LAYERS[:-1]):
        weight, bias = next(chunks).view(shape), next(chunks)
        if kind == "conv":
            x = F.max_pool2d(F.relu(F.conv2d(x, weight, bias, padding=2 if layer == 0 else 0)), 2)
        else:
            x = F.relu(F.linear(x.flatten(1), weight, bias))
    return x


def main():
    torch.set_num_threads(1)
    theta = golden.initial_theta()
    images = golden.symmetric(10, 7, 1, 28, 28).requires_grad_()
    labels = golden.uniform(40, 70).view(7, 10).requires_grad_()
    real, real_labels = golden.real_batch()
    distilled, real_features = features(theta, images), features(theta, real)
    kernel = distilled @ distilled.t()
    regularized = kernel + 1e-4 * kernel.trace() * torch.eye(7, dtype=torch.float64)
    predictions = real_features @ distilled.t() @ torch.linalg.solve(regularized, labels - 0.1)
    loss = ((predictions - (real_labels - 0.1)) ** 2).sum() / 16
    d_images, d_labels = torch.autograd.grad(loss, [images, labels])
    print("# The ridge regression upon LeNet's features, in double precision.")
    print("# Written by ridge.py, whose first lines define every input and block, with PyTorch %s." % torch.__version__)
    golden.print_block("loss", [loss])
    golden.print_gradient("images", d_images, 7)
    golden.print_gradient("labels", d_labels, 1)


if __name__ == "__main__":
    main()
