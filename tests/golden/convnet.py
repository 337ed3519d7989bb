#!/usr/bin/env python3
"""Golden values of ConvNet, its gradient and one hypergradient, computed by PyTorch in double precision.

usage: python3 convnet.py > convnet.txt        (needs NumPy and PyTorch)

ConvNet: `depth` blocks of conv 3x3 to `width` channels (padding 1), instance norm with gamma and beta (eps 1e-5, biased variance),
relu and average-pool 2; then a linear layer to 10 classes. theta is flat: each block's conv weight, conv bias, gamma and beta, then
the linear weight and bias, row-major in PyTorch's axis order.

Inputs are those of lenet_hypergradient.py, whose functions are used: with u = uniform(salt, i)

    theta       salt 1: weights (2u - 1) * sqrt(3 / fan_in), biases and beta (2u - 1) * 0.1, gamma 1 + (2u - 1) * 0.1
    images      salt 10, shape (2, 3, 32, 32): 2u - 1; labels 3 and 8

for the default network (depth 3, width 128, 3 x 32 x 32): blocks logits, loss and, for the gradients by theta (every 1009th entry)
and images (every 31st), norm, sample and projection. The hypergradient is that of width 8 and depth 3 on 1 x 28 x 28, whose
pooling drops a row and a column: two steps, each with 3 images (salts 10 and 11) and learning rates 0.05 and 0.1, momentum 0.5,
the hard labels and the outer loss of lenet_hypergradient.py, the unroll as one graph. Blocks hypergradient/loss, /learning_rates,
/momentum, and for images (every 7th) and theta_0 (every 11th) norm, sample and projection.
"""
import torch
import torch.nn.functional as F

import lenet_hypergradient as golden


def shapes(channels, size, width, depth):
    for _ in range(depth):
        yield from [(width, channels, 3, 3), (width,), (width,), (width,)]
        channels, size = width, size // 2
    yield from [(10, channels * size * size), (10,)]


def initial_theta(layout):
    parts, offset = [], 0
    uniform = golden.symmetric(1, sum(torch.Size(shape).numel() for shape in layout))
    for i, shape in enumerate(layout):
        count = torch.Size(shape).numel()
        scale = 0.1 if len(shape) == 1 else (3 / torch.Size(shape[1:]).numel()) ** 0.5
        gamma = i % 4 == 2 and len(shape) == 1
        parts.append(uniform[offset:offset + count] * scale + (1 if gamma else 0))
        offset += count
    return torch.cat(parts).requires_grad_()


def convnet(layout, theta, x):
    parts = [part.view(shape) for part, shape in zip(theta.split([torch.Size(s).numel() for s in layout]), layout)]
    while len(parts) > 2:
        (weight, bias, gamma, beta), parts = parts[:4], parts[4:]
        x = F.conv2d(x, weight, bias, padding=1)
        x = F.avg_pool2d(F.relu(F.group_norm(x, x.shape[1], gamma, beta)), 2)
    return F.linear(x.flatten(1), *parts)


def print_values():
    layout = list(shapes(3, 32, 128, 3))
    theta, images = initial_theta(layout), golden.symmetric(10, 2, 3, 32, 32).requires_grad_()
    logits = convnet(layout, theta, images)
    loss = F.cross_entropy(logits, torch.tensor([3, 8]))
    d_theta, d_images = torch.autograd.grad(loss, [theta, images])
    golden.print_block("logits", logits.flatten())
    golden.print_block("loss", [loss])
    golden.print_gradient("theta", d_theta, 1009)
    golden.print_gradient("images", d_images, 31)


def print_hypergradient():
    layout = list(shapes(1, 28, 8, 3))

    def cross_entropy(theta, x, labels):
        return -(labels * F.log_softmax(convnet(layout, theta, x), 1)).sum(1).mean()

    theta_0 = initial_theta(layout)
    images = torch.stack([golden.symmetric(10 + s, 3, 1, 28, 28) for s in range(2)]).requires_grad_()
    rates = torch.tensor([0.05, 0.1], dtype=torch.float64, requires_grad=True)
    momentum = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    theta, velocity = theta_0, torch.zeros_like(theta_0)
    for t in range(2):
        loss = cross_entropy(theta, images[t], golden.hard_labels(t))
        gradient, = torch.autograd.grad(loss, theta, create_graph=True)
        velocity = momentum * velocity + gradient
        theta = theta - rates[t] * velocity
    loss = cross_entropy(theta, *golden.real_batch())
    d_theta, d_images, d_rates, d_momentum = torch.autograd.grad(loss, [theta_0, images, rates, momentum])
    golden.print_block("hypergradient/loss", [loss])
    golden.print_block("hypergradient/learning_rates", d_rates)
    golden.print_block("hypergradient/momentum", [d_momentum])
    golden.print_gradient("hypergradient/images", d_images, 7)
    golden.print_gradient("hypergradient/theta_0", d_theta, 11)


def main():
    torch.set_num_threads(1)
    print("# ConvNet's logits, gradient and a hypergradient, in double precision.")
    print("# Written by convnet.py, whose first lines define every input and block, with PyTorch %s." % torch.__version__)
    print_values()
    print_hypergradient()


if __name__ == "__main__":
    main()
