#!/usr/bin/env python3
"""Golden values of LeNet's hypergradient, computed by PyTorch in double precision.

usage: python3 lenet_hypergradient.py > lenet_hypergradient.txt        (needs NumPy and PyTorch)

What is computed. T steps of gradient descent, theta_{t+1} = theta_t - eta_t * grad l(x_s, y_s; theta_t) with s = t mod steps, then
the outer loss L(theta_T) on a real batch; l and L are mean softmax cross-entropies. The whole unroll is kept as one graph and
differentiated once, so that these values share no step-by-step recursion with the code under test. The runs:

    T1/hard   1 step  x 1 epoch        T3/hard   1 step x 3 epochs
    T6/hard   3 steps x 2 epochs       T3/soft   1 step x 3 epochs, soft labels, which are differentiated too

LeNet on 1 x 28 x 28: conv 5x5 to 6 channels (padding 2), relu, max-pool 2, conv 5x5 to 16, relu, max-pool 2, then linear layers
400-120-84-10 with relu between. theta is flat: each layer's weight, then its bias, row-major in PyTorch's axis order.
The soft-label loss is -mean_n sum_c y[n][c] * log p[n][c] with y free: no constraint that a row sums to one enters its derivative.

Inputs are not stored; they repeat exactly anywhere from

    uniform(salt, i) = (splitmix64(salt * 2^32 + i) >> 11) * 2^-53

where splitmix64(z) is SplitMix64's output function of z + 0x9E3779B97F4A7C15 (mod 2^64). With u = uniform(salt, i) and i the
row-major flat index in the named tensor:

    theta_0                 salt 1, i the index in theta: weights (2u - 1) * sqrt(3 / fan_in), biases (2u - 1) * 0.1
    images of step s        salt 10 + s, shape (3, 1, 28, 28): 2u - 1
    real images             salt 20, shape (8, 1, 28, 28): 2u - 1
    learning rate eta_t     salt 30, i = t: 0.05 + 0.05 u
    soft labels of step s   salt 40 + s, shape (3, 10): u divided by its row's sum
    hard labels             image n of step s: (3 s + n) mod 10; real image n: (7 n + 3) mod 10

The file. Lines starting with # are comments. Then blocks: a line "name count", followed by count values, one a line, %.17g.
For a run R, R/loss is L(theta_T) and R/learning_rates the whole gradient dL/d eta. The gradients of G = images (of all steps,
concatenated), theta_0 and, in the soft run, labels are given by three blocks each:

    R/G/norm         the Euclidean norm
    R/G/sample       the entries 0, k, 2k, ...: k = 7 for images, 101 for theta_0, 1 for labels
    R/G/projection   the inner products with the vectors 2 * uniform(50 + j, i) - 1, for j = 0, 1, 2, 3
"""
import numpy as np
import torch
import torch.nn.functional as F

LAYERS = [("conv", (6, 1, 5, 5)), ("conv", (16, 6, 5, 5)), ("linear", (120, 400)), ("linear", (84, 120)), ("linear", (10, 84))]
SAMPLE_STRIDE = {"images": 7, "theta_0": 101, "labels": 1}


def uniform(salt, count):
    """The values uniform(salt, 0 .. count - 1)."""
    z = np.uint64(salt << 32) + np.arange(count, dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return torch.from_numpy((z >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def symmetric(salt, *shape):
    return (2 * uniform(salt, int(np.prod(shape))) - 1).view(shape)


def parameter_scales():
    """(count, largest magnitude) of each weight and bias, in theta's order."""
    for _, shape in LAYERS:
        yield int(np.prod(shape)), (3 / np.prod(shape[1:])) ** 0.5
        yield shape[0], 0.1


def initial_theta():
    scale = torch.cat([torch.full((count,), size, dtype=torch.float64) for count, size in parameter_scales()])
    return symmetric(1, scale.numel()) * scale


def hard_labels(step):
    return F.one_hot((3 * step + torch.arange(3)) % 10, 10).double()


def soft_labels(step):
    u = uniform(40 + step, 30).view(3, 10)
    return u / u.sum(1, keepdim=True)


def real_batch():
    return symmetric(20, 8, 1, 28, 28), F.one_hot((7 * torch.arange(8) + 3) % 10, 10).double()


def lenet(theta, x):
    chunks = iter(theta.split([count for count, _ in parameter_scales()]))
    for layer, (kind, shape) in enumerate(LAYERS):
        weight, bias = next(chunks).view(shape), next(chunks)
        if kind == "conv":
            x = F.max_pool2d(F.relu(F.conv2d(x, weight, bias, padding=2 if layer == 0 else 0)), 2)
        else:
            x = F.linear(x.flatten(1), weight, bias)
            x = F.relu(x) if layer + 1 < len(LAYERS) else x
    return x


def cross_entropy(theta, x, labels):
    return -(labels * F.log_softmax(lenet(theta, x), 1)).sum(1).mean()


def outer_loss(theta, images, labels, learning_rates):
    """L(theta_T), with the graph of every step."""
    for t, learning_rate in enumerate(learning_rates):
        step = t % len(images)
        loss = cross_entropy(theta, images[step], labels[step])
        gradient, = torch.autograd.grad(loss, theta, create_graph=True)
        theta = theta - learning_rate * gradient
    return cross_entropy(theta, *real_batch())


def inputs(steps, epochs, label_rule):
    """(theta_0, images, labels, learning rates) of a run, all differentiable."""
    tensors = (initial_theta(), torch.stack([symmetric(10 + s, 3, 1, 28, 28) for s in range(steps)]),
               torch.stack([label_rule(s) for s in range(steps)]), 0.05 + 0.05 * uniform(30, steps * epochs))
    return [tensor.requires_grad_() for tensor in tensors]


def print_block(name, values):
    print(name, len(values))
    for value in values:
        print("%.17g" % value)


def print_gradient(name, gradient, stride):
    flat = gradient.flatten()
    print_block(name + "/norm", [flat.norm()])
    print_block(name + "/sample", flat[::stride])
    print_block(name + "/projection", [flat.dot(symmetric(50 + j, flat.numel())) for j in range(4)])


def print_run(name, steps, epochs, label_rule):
    theta_0, images, labels, learning_rates = inputs(steps, epochs, label_rule)
    loss = outer_loss(theta_0, images, labels, learning_rates)
    d_theta, d_images, d_labels, d_rates = torch.autograd.grad(loss, [theta_0, images, labels, learning_rates])
    print_block(name + "/loss", [loss])
    print_block(name + "/learning_rates", d_rates)
    gradients = {"images": d_images, "theta_0": d_theta}
    if label_rule is soft_labels:
        gradients["labels"] = d_labels
    for tensor, gradient in gradients.items():
        print_gradient(name + "/" + tensor, gradient, SAMPLE_STRIDE[tensor])


def main():
    torch.set_num_threads(1)
    print("# LeNet's hypergradient through T unrolled steps of gradient descent, in double precision.")
    print("# Written by lenet_hypergradient.py, whose first lines define every input and block, with PyTorch %s." % torch.__version__)
    print("# uniform(salt, i) = (splitmix64(salt * 2^32 + i) >> 11) * 2^-53; splitmix64(z): z += 0x9E3779B97F4A7C15;")
    print("# z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9; z = (z ^ z >> 27) * 0x94D049BB133111EB; result z ^ z >> 31 (all mod 2^64).")
    print("# A block is a line 'name count' and then count values, one a line.")
    print_run("T1/hard", 1, 1, hard_labels)
    print_run("T3/hard", 1, 3, hard_labels)
    print_run("T6/hard", 3, 2, hard_labels)
    print_run("T3/soft", 1, 3, soft_labels)


if __name__ == "__main__":
    main()
