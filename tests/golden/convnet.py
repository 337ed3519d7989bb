#!/usr/bin/env python3
"""Golden values of ConvNets, their gradients and two hypergradients, computed by PyTorch in double precision.

usage: python3 convnet.py > convnet.txt        (needs NumPy and PyTorch)

ConvNet: `depth` blocks of conv 3x3 to `width` channels (padding 1; the first one 3 if images are 28 x 28, which makes them 32 x 32),
instance norm with gamma and beta (eps 1e-5, biased variance), relu and average-pool 2; then a linear layer to 10 classes. theta is
flat: each block's conv weight, conv bias, gamma and beta, then the linear weight and bias, row-major in PyTorch's axis order.
Variants have group norm of 4 groups or of 1 (layer), or no norm, gamma and beta; max-pool 2, or no pooling; and tanh.

Inputs are those of lenet_hypergradient.py, whose functions are used: with u = uniform(salt, i)

    theta       salt 1: weights (2u - 1) * sqrt(3 / fan_in), biases and beta (2u - 1) * 0.1, gamma 1 + (2u - 1) * 0.1
    images      salt 10, two of the network's size: 2u - 1; labels 3 and 8

For the default network (depth 3, width 128, 3 x 32 x 32): blocks logits, loss and, for the gradients with respect to
theta (every 1009th entry, of less than 100,000 every 11th) and images (every 31st), norm, sample and projection; the same for the variants of VARIANTS, whose
names go before the blocks. The hypergradient is that of width 8 and depth 3 on 1 x 28 x 28: two steps, each with 3 images (salts 10
and 11) and learning rates 0.05 and 0.1, momentum 0.5, the hard labels and the outer loss of lenet_hypergradient.py, the unroll as
one graph. Blocks hypergradient/loss, /learning_rates, /momentum, and for images (every 7th) and theta_0 (every 11th) norm, sample
and projection; and with the prefix hypergradient-group-max/ the same for group norm and max-pooling.
"""
import torch
import torch.nn.functional as F

import lenet_hypergradient as golden

POOLINGS = {"average": F.avg_pool2d, "max": F.max_pool2d, "none": lambda x, size: x}
ACTIVATIONS = {"relu": F.relu, "tanh": torch.tanh}


class ConvNet:
    def __init__(self, channels, size, width=128, depth=3, norm="instance", pooling="average", activation="relu"):
        self.image = (channels, size, size)
        self.first_padding, side = (3, 32) if size == 28 else (1, size)
        self.groups = {"instance": width, "group": 4, "layer": 1, "none": 0}[norm]
        self.pool, self.activation = POOLINGS[pooling], ACTIVATIONS[activation]
        self.layout = []
        for _ in range(depth):
            self.layout += [(width, channels, 3, 3), (width,)] + [(width,), (width,)] * (self.groups > 0)
            channels, side = width, side if pooling == "none" else side // 2
        self.layout += [(10, channels * side * side), (10,)]

    def initial_theta(self):
        parts, offset = [], 0
        uniform = golden.symmetric(1, sum(torch.Size(shape).numel() for shape in self.layout))
        for i, shape in enumerate(self.layout):
            count = torch.Size(shape).numel()
            scale = 0.1 if len(shape) == 1 else (3 / torch.Size(shape[1:]).numel()) ** 0.5
            gamma = self.groups > 0 and i % 4 == 2 and len(shape) == 1
            parts.append(uniform[offset:offset + count] * scale + (1 if gamma else 0))
            offset += count
        return torch.cat(parts).requires_grad_()

    def __call__(self, theta, x):
        counts = [torch.Size(shape).numel() for shape in self.layout]
        parts = [part.view(shape) for part, shape in zip(theta.split(counts), self.layout)]
        padding, of_block = self.first_padding, 4 if self.groups else 2
        while len(parts) > 2:
            (weight, bias, *norm), parts = parts[:of_block], parts[of_block:]
            x, padding = F.conv2d(x, weight, bias, padding=padding), 1
            x = F.group_norm(x, self.groups, *norm) if norm else x
            x = self.pool(self.activation(x), 2)
        return F.linear(x.flatten(1), *parts)


VARIANTS = {
    "small-images": ConvNet(1, 28),
    "group-max": ConvNet(3, 28, width=12, norm="group", pooling="max"),
    "layer-no-pooling": ConvNet(3, 7, width=6, depth=2, norm="layer", pooling="none"),
    "no-norm-tanh": ConvNet(3, 18, width=5, depth=2, norm="none", activation="tanh"),
}


def print_values(net, prefix=""):
    theta, images = net.initial_theta(), golden.symmetric(10, 2, *net.image).requires_grad_()
    logits = net(theta, images)
    loss = F.cross_entropy(logits, torch.tensor([3, 8]))
    d_theta, d_images = torch.autograd.grad(loss, [theta, images])
    golden.print_block(prefix + "logits", logits.flatten())
    golden.print_block(prefix + "loss", [loss])
    golden.print_gradient(prefix + "theta", d_theta, 1009 if d_theta.numel() > 100000 else 11)
    golden.print_gradient(prefix + "images", d_images, 31)


def print_hypergradient(net, name):
    def cross_entropy(theta, x, labels):
        return -(labels * F.log_softmax(net(theta, x), 1)).sum(1).mean()

    theta_0 = net.initial_theta()
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
    golden.print_block(name + "/loss", [loss])
    golden.print_block(name + "/learning_rates", d_rates)
    golden.print_block(name + "/momentum", [d_momentum])
    golden.print_gradient(name + "/images", d_images, 7)
    golden.print_gradient(name + "/theta_0", d_theta, 11)


def main():
    torch.set_num_threads(1)
    print("# ConvNet's logits, gradient and a hypergradient, in double precision.")
    print("# Written by convnet.py, whose first lines define every input and block, with PyTorch %s." % torch.__version__)
    print_values(ConvNet(3, 32))
    for name, net in VARIANTS.items():
        print_values(net, name + "/")
    print_hypergradient(ConvNet(1, 28, width=8), "hypergradient")
    print_hypergradient(ConvNet(1, 28, width=8, norm="group", pooling="max"), "hypergradient-group-max")


if __name__ == "__main__":
    main()
