#!/usr/bin/env python3
"""The time that PyTorch takes for the work of bench_models: derivatives of attention, a Gaussian process, a gated
recurrent unit, a variational autoencoder and a least-squares fit, on the CPU.

Prints one JSON object a line, the first about PyTorch itself. `bench/compare_pytorch.sh --models` sets these beside
hypertape's.

On Debian: apt-get install --no-install-recommends python3-torch python3-numpy libopenblas0-openmp
"""

import math
import sys

import torch
import torch.nn.functional as F

from tasks import run_tasks, slope_error

grad = torch.autograd.grad


def gradient(loss, theta):
    return lambda: grad(loss(), theta)


def hessian_product(loss, theta):
    """By reverse over reverse: of several ways the fastest here. The directions are made before."""
    directions = [torch.randn_like(w) for w in theta]

    def product():
        slopes = grad(loss(), theta, create_graph=True)
        return grad(slopes, theta, directions)

    return product


# Each function makes the model's inputs and returns (loss, theta).


def weights(deviation, dtype):
    return lambda *shape: (deviation * torch.randn(*shape, dtype=dtype)).requires_grad_()


def attention(dtype=torch.float32):
    N, length, width, hidden = 16, 64, 64, 256
    weight = weights(0.1, dtype)
    x = torch.randn(N, length, width, dtype=dtype)
    gamma1, gamma2 = ((1 + 0.1 * torch.randn(width, dtype=dtype)).requires_grad_() for _ in range(2))
    beta1, beta2 = weight(width), weight(width)
    query, key, value, out = (weight(width, width) for _ in range(4))
    first, bias1, second, bias2 = weight(hidden, width), weight(hidden), weight(width, hidden), weight(width)

    def loss():
        normed = F.layer_norm(x, (width,), gamma1, beta1)
        q, k, v = F.linear(normed, query), F.linear(normed, key), F.linear(normed, value)
        scores = (q @ k.transpose(1, 2)) / math.sqrt(width)
        attended = x + F.linear(scores.softmax(-1) @ v, out)
        inner = F.gelu(F.linear(F.layer_norm(attended, (width,), gamma2, beta2), first, bias1))
        return (attended + F.linear(inner, second, bias2)).square().mean()

    return loss, [gamma1, beta1, gamma2, beta2, query, key, value, out, first, bias1, second, bias2]


def gaussian_process(dtype=torch.float64):
    N = 500
    x = 3 * torch.randn(N, dtype=dtype)
    y = (2 * x.sin() + 0.3 * torch.randn(N, dtype=dtype)).unsqueeze(1)
    squares, one = (x - x.unsqueeze(1)).square(), torch.eye(N, dtype=dtype)
    h = torch.tensor([0.5, 0.5, -1.0], dtype=dtype, requires_grad=True)

    def loss():
        length, amplitude, scatter = h.exp()
        kernel = amplitude.square() * (squares / (-2 * length.square())).exp()
        L = torch.linalg.cholesky(kernel + scatter.square() * one)
        whitened = torch.linalg.solve_triangular(L, y, upper=False)
        return 0.5 * whitened.square().sum() + L.diagonal().log().sum() + 0.5 * N * math.log(2 * math.pi)

    return loss, [h]


def gated_recurrent_unit(dtype=torch.float32):
    N, length, inputs, states = 64, 32, 16, 64
    unit = torch.nn.GRU(inputs, states).to(dtype)
    x = torch.randn(length, N, inputs, dtype=dtype)
    return lambda: unit(x)[1].square().mean(), list(unit.parameters())


def variational_autoencoder(dtype=torch.float32):
    N, pixels, hidden, latent = 128, 784, 400, 20
    weight = weights(0.05, dtype)
    x, draws = torch.rand(N, pixels, dtype=dtype), torch.randn(N, latent, dtype=dtype)
    theta = [weight(*shape) for fan_in, fan_out in
             ((pixels, hidden), (hidden, latent), (hidden, latent), (latent, hidden), (hidden, pixels))
             for shape in ((fan_out, fan_in), (fan_out,))]

    def loss():
        code = F.linear(x, theta[0], theta[1]).tanh()
        middle, log_deviation = F.linear(code, theta[2], theta[3]), F.linear(code, theta[4], theta[5])
        sample = middle + log_deviation.exp() * draws
        logits = F.linear(F.linear(sample, theta[6], theta[7]).tanh(), theta[8], theta[9])
        divergence = 0.5 * (middle.square() + (2 * log_deviation).exp() - 1) - log_deviation
        return pixels * F.binary_cross_entropy_with_logits(logits, x) + divergence.sum() / N

    return loss, theta


def curve_fit(dtype=torch.float64):
    N = 10_000
    t, measured = 0.002 * torch.arange(N, dtype=dtype), torch.randn(N, dtype=dtype)
    p = torch.tensor([2, 4, 1.9, 0.6], dtype=dtype, requires_grad=True)

    def residuals(p):
        a, tau, omega, phi = p
        return a * (-t / tau).exp() * (omega * t + phi).cos() - measured

    return residuals, [p]


def hessian(loss, theta):
    """Of the elements of one tensor, row by row."""
    (h,) = theta

    def rows():
        (slope,) = grad(loss(), h, create_graph=True)
        return torch.stack([grad(value, h, retain_graph=True)[0] for value in slope])

    return rows


def jacobian(residuals, theta):
    """In forward mode, all directions at once."""
    (p,) = theta
    return lambda: torch.autograd.functional.jacobian(residuals, p, strategy="forward-mode", vectorize=True)


TASKS = {
    "attention-gradient": (attention, gradient),
    "attention-hessian-product": (attention, hessian_product),
    "gaussian-process-gradient": (gaussian_process, gradient),
    "gaussian-process-hessian": (gaussian_process, hessian),
    "gated-recurrent-unit-gradient": (gated_recurrent_unit, gradient),
    "variational-autoencoder-gradient": (variational_autoencoder, gradient),
    "curve-fit-jacobian": (curve_fit, jacobian),
}


def call_of(task):
    model, what = TASKS[task]
    return what(*model())


def check(task):
    torch.manual_seed(1)
    model, what = TASKS[task]
    f, theta = model(torch.float64)
    if what is gradient:
        return slope_error(f, theta, grad(f(), theta), step=1e-5)
    if what is hessian_product:  # of the gradient, weighted
        directions = [torch.randn_like(w) for w in theta]

        def along():
            return sum((g * d).sum() for g, d in zip(grad(f(), theta, create_graph=True), directions))

        return slope_error(along, theta, grad(along(), theta), step=1e-5)
    (p,) = theta
    weights = torch.randn(3 if what is hessian else 10_000, dtype=torch.float64)
    weighted = (lambda: grad(f(), p, create_graph=True)[0] @ weights) if what is hessian else lambda: f(p) @ weights
    return slope_error(weighted, theta, [weights @ what(f, theta)()], step=1e-5)


if __name__ == "__main__":
    sys.exit(run_tasks("bench_models", TASKS, call_of, check))
