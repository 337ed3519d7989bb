#!/usr/bin/env python3
"""The time that PyTorch takes for the work of bench_estimators: hypergradients through Adam, over many tasks, through a
learned rule, by a network of weights, along a thousand steps, and the implicit one, on the CPU.

Prints one JSON object a line, the first about PyTorch itself. `bench/compare_pytorch.sh --estimators` sets these beside
hypertape's.

Training is unrolled with create_graph, and the outer loss differentiated through all of it, by what the work is about
alone. Tasks that are independent of one another are one batch of tensors with an axis more, not a loop; updates are
fused operations (addcmul, addcdiv, lerp) where there are some.

On Debian: apt-get install --no-install-recommends python3-torch python3-numpy libopenblas0-openmp
"""

import math
import sys

import torch
import torch.nn.functional as F

from hypergradient import NETWORKS, batch_of
from tasks import run_tasks, slope_error

grad = torch.autograd.grad


def noise(*shape, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype)


def signs(count):
    return 1.0 - 2.0 * (torch.arange(count, dtype=torch.float64) % 2)


def adam(theta, loss, rates, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """The weights after a step of Adam for each rate; loss(theta, t)."""
    m, v = torch.zeros_like(theta), torch.full_like(theta, 1e-30)  # 0 has a root of infinite slope: NaN
    for t, rate in enumerate(rates):
        (g,) = grad(loss(theta, t), theta, create_graph=True)
        m = torch.lerp(m, g, 1 - beta1)
        v = torch.addcmul(beta2 * v, g, g, value=1 - beta2)
        root = (v / (1 - beta2 ** (t + 1))).sqrt() + epsilon
        theta = torch.addcdiv(theta, rate * m, root, value=-1 / (1 - beta1 ** (t + 1)))
    return theta


# Each function makes the work's inputs and returns (f, inputs): f() gives the outer loss, and the call that is timed its
# derivatives with respect to the inputs. A function of its own may come in place of that.


def lenet_adam(dtype=torch.float32, epsilon=1e-8):
    net = NETWORKS["lenet"]
    data = [batch_of(net, 10, dtype) for _ in range(10)]
    images = [x.requires_grad_() for x, _ in data]
    rates = [torch.tensor(0.001, dtype=dtype, requires_grad=True) for _ in range(30)]
    theta0 = net.xavier(dtype).requires_grad_()
    x, y = batch_of(net, 1024, dtype)

    def inner(theta, t):
        images, labels = data[t % 10]
        return F.cross_entropy(net(theta, images), labels)

    return lambda: F.cross_entropy(net(adam(theta0, inner, rates, epsilon=epsilon), x), y), [*images, *rates, theta0]


def feature_penalties():
    x, x_valid, y = noise(500, 50), noise(500, 50), signs(500)
    phi = torch.full((50,), -5.0, dtype=torch.float64, requires_grad=True)
    theta0 = torch.zeros(50, dtype=torch.float64, requires_grad=True)
    rates = [0.05] * 100

    def outer():
        penalties = phi.exp()
        theta = adam(theta0, lambda theta, _: F.softplus(-y * (x @ theta)).mean() + penalties @ theta.square(), rates)
        return F.softplus(-y * (x_valid @ theta)).mean()

    return outer, [phi]


def mlp(theta, x, widths):
    """Outputs of tanh networks, one for each row of theta (B, P), of x (B, N, F)."""
    offset = 0
    for i, (fan_in, fan_out) in enumerate(zip(widths, widths[1:])):
        weight = theta[:, offset:offset + fan_in * fan_out].view(-1, fan_out, fan_in)
        offset += fan_in * fan_out
        bias = theta[:, offset:offset + fan_out].unsqueeze(1)
        offset += fan_out
        x = torch.baddbmm(bias, x if i == 0 else x.tanh(), weight.transpose(1, 2))
    return x


def weights_of(widths):
    return torch.cat([torch.cat([noise(i * o) * math.sqrt(2 / (i + o)), torch.zeros(o, dtype=torch.float64)])
                      for i, o in zip(widths, widths[1:])]).requires_grad_()


def maml():
    widths, tasks = (1, 40, 40, 1), 32
    x, y, x_test, y_test = (noise(tasks, 10, 1) for _ in range(4))
    theta0 = weights_of(widths)

    def outer():
        theta = theta0.expand(tasks, -1)
        loss = F.mse_loss(mlp(theta, x, widths), y, reduction="sum") / 10  # a sum over tasks
        (g,) = grad(loss, theta, create_graph=True)
        return F.mse_loss(mlp(theta - 0.02 * g, x_test, widths), y_test)

    return outer, [theta0]


def learned_optimizer():
    problems, points, features, hidden, steps = 8, 20, 10, 8, 20
    x, y = noise(problems, points, features), noise(problems, points, 1)
    by_input = (noise(2, hidden) * math.sqrt(2 / (1 + hidden))).requires_grad_()
    bias = torch.zeros(hidden, dtype=torch.float64, requires_grad=True)
    out = (noise(hidden) * math.sqrt(2 / (1 + hidden))).requires_grad_()
    theta0 = torch.zeros(problems, features, 1, dtype=torch.float64, requires_grad=True)

    def outer():
        theta, m, total = theta0, torch.zeros_like(theta0), 0
        residual = torch.baddbmm(y, x, theta, beta=-1)
        for _ in range(steps):
            loss = residual.square().sum() / points
            (g,) = grad(loss, theta, create_graph=True)
            m = 0.8 * m + g
            units = torch.addmm(bias, torch.cat([g, m], 2).view(-1, 2), by_input).tanh()
            theta = theta - 0.1 * (units @ out).view_as(theta)
            residual = torch.baddbmm(y, x, theta, beta=-1)
            total = total + residual.square().sum() / (points * problems)
        return total

    return outer, [by_input, bias, out]


def reweighting():
    x, y, x_clean, y_clean, losses = noise(200, 10), signs(200), noise(40, 10), signs(40), noise(200, 1)
    w1, b1, w2, b2 = phi = [noise(8, 1).requires_grad_(), torch.zeros(8, dtype=torch.float64, requires_grad=True),
                            noise(1, 8).requires_grad_(), torch.zeros(1, dtype=torch.float64, requires_grad=True)]

    def outer():
        # The weights of the samples do not depend on theta: once is enough.
        weights = F.linear(F.linear(losses, w1, b1).tanh(), w2, b2).sigmoid().view(-1)
        theta = torch.zeros(10, dtype=torch.float64, requires_grad=True)
        for _ in range(200):
            loss = (weights * F.softplus(-y * (x @ theta))).mean() + 0.01 * (theta @ theta)
            theta = theta - grad(loss, theta, create_graph=True)[0]
        return F.softplus(-y_clean * (x_clean @ theta)).mean()

    return outer, phi


def momentum_and_rates():
    widths = (2, 20, 1)
    x, y, x_valid, y_valid = noise(1, 128, 2), noise(1, 128, 1), noise(1, 128, 2), noise(1, 128, 1)
    theta0 = weights_of(widths)
    momentum = torch.zeros((), dtype=torch.float64, requires_grad=True)
    rates = [torch.tensor(0.02, dtype=torch.float64, requires_grad=True) for _ in range(1000)]

    def outer():
        theta, velocity = theta0.unsqueeze(0), torch.zeros_like(theta0)
        for rate in rates:
            (g,) = grad(F.mse_loss(mlp(theta, x, widths), y), theta, create_graph=True)
            velocity = torch.addcmul(g, momentum, velocity)
            theta = torch.addcmul(theta, rate, velocity, value=-1)
        return F.mse_loss(mlp(theta, x_valid, widths), y_valid)

    return outer, [momentum, *rates]


def implicit_penalties(dtype=torch.float32):
    features = 10_000
    x, x_valid = noise(200, features, dtype=dtype), noise(1000, features, dtype=dtype)
    y, y_valid = ((torch.arange(len(data)) % 2).to(dtype) for data in (x, x_valid))
    phi = torch.full((features,), math.log(0.5), dtype=dtype, requires_grad=True)

    def logistic(theta, x, y):
        return F.binary_cross_entropy_with_logits(x @ theta, y)

    def inner(theta):
        return logistic(theta, x, y) + phi.exp() @ theta.square() / 2

    minimum, velocity = torch.zeros(features, dtype=dtype, requires_grad=True), 0
    for _ in range(60):
        velocity = 0.7 * velocity + grad(inner(minimum), minimum)[0]
        minimum = (minimum - 0.1 * velocity).detach().requires_grad_()

    def derivative():
        theta = minimum.detach().requires_grad_()
        (v,) = grad(logistic(theta, x_valid, y_valid), theta)
        (g,) = grad(inner(theta), theta, create_graph=True)
        q, r = torch.zeros_like(v), v.clone()
        p, square = r, r @ r
        bound = 1e-10 * square
        while square > bound:
            (product,) = grad(g, theta, p, retain_graph=True)
            step = square / (p @ product)
            q = q + step * p
            r = r - step * product
            before, square = square, r @ r
            p = r + square / before * p
        return grad(g, phi, -q)

    return derivative, [phi, lambda theta: logistic(theta, x_valid, y_valid), inner]


TASKS = {f.__name__.replace("_", "-"): f for f in (
    lenet_adam, feature_penalties, maml, learned_optimizer, reweighting, momentum_and_rates, implicit_penalties)}


def call_of(task):
    """The call that is timed."""
    f, inputs = TASKS[task]()
    return f if task == "implicit-penalties" else lambda: grad(f(), inputs)


def check(task):
    torch.manual_seed(1)
    if task == "implicit-penalties":
        return check_implicit()
    # A small epsilon makes Adam's step a jump where a gradient is near 0, which differences cannot follow.
    f, inputs = lenet_adam(torch.float64, epsilon=0.01) if task == "lenet-adam" else TASKS[task]()
    return slope_error(f, inputs, grad(f(), inputs))


def check_implicit():
    """By the derivative of the minimum, found again beside these penalties."""
    derivative, (phi, outer, inner) = implicit_penalties(torch.float64)
    direction = torch.randn_like(phi)
    (by_phi,) = derivative()

    def minimum(step):
        with torch.no_grad():
            phi.add_(direction, alpha=step)
        theta = torch.zeros_like(phi, requires_grad=True)
        velocity = 0
        for _ in range(400):
            velocity = 0.7 * velocity + grad(inner(theta), theta)[0]
            theta = (theta - 0.1 * velocity).detach().requires_grad_()
        with torch.no_grad():
            phi.sub_(direction, alpha=step)
        return float(outer(theta).detach())

    along = float(by_phi @ direction)
    return abs(along - (minimum(1e-4) - minimum(-1e-4)) / 2e-4) / abs(along)


if __name__ == "__main__":
    sys.exit(run_tasks("bench_estimators", TASKS, call_of, check))
