#!/usr/bin/env python3
"""The time that PyTorch takes for the work of bench_hypergradient: hypergradients through unrolled gradient descent,
gradients of the outer batch, and sgemm, on the CPU in single precision.

Prints one JSON object a line, the first about PyTorch itself. bench/compare_pytorch.sh sets these beside hypertape's.

The hypergradient is the one that PyTorch's users write to bound its memory: each inner step's gradient is recorded with
create_graph, the weights are cut from the graph after each step, and the adjoint is carried back from the last step to
the first, as in docs/hypergradient.md.

On Debian: apt-get install --no-install-recommends python3-torch python3-numpy libopenblas0-openmp
"""

import argparse
import ctypes
import json
import math
import os
import resource
import sys
import time
from dataclasses import dataclass

import torch
import torch.nn.functional as F


class Network:
    """Logits from images and one flat vector of weights, whose tensors have the given shapes."""

    def __init__(self, image, shapes, forward, ones=()):
        self.image, self.shapes, self.forward, self.ones = image, shapes, forward, ones
        self.sizes = [math.prod(shape) for shape in shapes]

    def __call__(self, theta, x):
        return self.forward(x, *(part.view(shape) for part, shape in zip(theta.split(self.sizes), self.shapes)))

    def xavier(self, dtype=torch.float32):
        parts = [torch.zeros(shape, dtype=dtype) for shape in self.shapes]
        for part in parts:
            if part.dim() > 1:
                torch.nn.init.xavier_normal_(part)
        for index in self.ones:
            parts[index].fill_(1)
        return torch.cat([part.flatten() for part in parts])


def layers(*weights):
    """Shapes of weights, each followed by its bias."""
    return [shape for weight in weights for shape in (weight, weight[:1])]


def classifier(h, w3, b3, w4, b4, w5, b5):
    h = F.relu(F.linear(h.flatten(1), w3, b3))
    h = F.relu(F.linear(h, w4, b4))
    return F.linear(h, w5, b5)


def lenet(x, w1, b1, w2, b2, *rest):
    h = F.relu(F.max_pool2d(F.conv2d(x, w1, b1, padding=2), 2))  # pooled first, as hypertape does: the cheaper order
    h = F.relu(F.max_pool2d(F.conv2d(h, w2, b2), 2))
    return classifier(h, *rest)


def alexcifarnet(x, w1, b1, w2, b2, *rest):
    def normalized(h):
        return F.local_response_norm(h, 4, alpha=0.001 / 9, beta=0.75, k=1)

    h = F.relu(F.conv2d(x, w1, b1, padding=2))
    h = normalized(F.max_pool2d(h, 3, stride=2, padding=1))
    h = normalized(F.relu(F.conv2d(h, w2, b2, padding=2)))
    return classifier(F.max_pool2d(h, 3, stride=2, padding=1), *rest)


def convnet(x, *weights):
    *blocks, w, b = weights
    h = x
    for kernel, bias, gamma, beta in zip(*[iter(blocks)] * 4):
        h = F.conv2d(h, kernel, bias, padding=1)
        h = F.avg_pool2d(F.relu(F.group_norm(h, h.shape[1], gamma, beta)), 2)
    return F.linear(h.flatten(1), w, b)


NETWORKS = {
    "lenet": Network(
        (1, 28, 28), layers((6, 1, 5, 5), (16, 6, 5, 5), (120, 400), (84, 120), (10, 84)), lenet),
    "alexcifarnet": Network(
        (3, 32, 32), layers((64, 3, 5, 5), (64, 64, 5, 5), (384, 4096), (192, 384), (10, 192)), alexcifarnet),
    "convnet": Network(
        (3, 32, 32),
        [shape for channels in (3, 128, 128) for shape in ((128, channels, 3, 3), (128,), (128,), (128,))]
        + layers((10, 2048)), convnet, ones=(2, 6, 10)),
}


@dataclass(frozen=True)
class Work:
    what: str
    steps: int = 0
    epochs: int = 0
    images: int = 0
    batch: int = 0

    @property
    def name(self):
        if self.what == "hypergradient":
            return f"hypergradient-{self.steps}x{self.epochs}-{self.images}-{self.batch}"
        return f"gradient-{self.batch}" if self.what == "gradient" else self.what


WORK = {
    "lenet": [
        Work("hypergradient", 1, 3, 10, 1024),
        Work("hypergradient", 10, 3, 10, 1024),
        Work("hypergradient", 10, 3, 10, 256),
        Work("gradient", batch=10),
        Work("gradient", batch=1024),
        Work("sgemm"),
    ],
    "alexcifarnet": [
        Work("hypergradient", 10, 1, 10, 256),
        Work("hypergradient", 10, 3, 10, 256),
        Work("gradient", batch=10),
        Work("gradient", batch=256),
        Work("sgemm"),
    ],
    "convnet": [
        Work("hypergradient", 10, 1, 10, 256),
        Work("hypergradient", 10, 3, 10, 256),
        Work("gradient", batch=10),
        Work("gradient", batch=256),
        Work("sgemm"),
    ],
}


def batch_of(net, count, dtype=torch.float32):
    """Noise and the labels 0, 1, .. 9, 0, 1, .."""
    return torch.randn(count, *net.image, dtype=dtype), torch.arange(count) % 10


@dataclass
class Problem:
    """Step t trains on data[t % steps] with learning rate rates[t]; x, y are the outer batch."""

    net: Network
    theta0: torch.Tensor
    data: list
    rates: list
    x: torch.Tensor
    y: torch.Tensor

    def step(self, t):
        images, labels = self.data[t % len(self.data)]
        return images, labels, self.rates[t]


def make_problem(net, work, dtype=torch.float32):
    data = [batch_of(net, work.images, dtype) for _ in range(work.steps)]
    for images, _ in data:
        images.requires_grad_()
    rates = [torch.tensor(0.02, dtype=dtype, requires_grad=True) for _ in range(work.steps * work.epochs)]
    return Problem(net, net.xavier(dtype), data, rates, *batch_of(net, work.batch, dtype))


def gradient(net, theta, x, y):
    return torch.autograd.grad(F.cross_entropy(net(theta, x), y), theta)[0]


def hypergradient(p):
    """The derivatives of the outer loss by the images of each step, the learning rates, and the initial weights."""
    theta = p.theta0.detach().requires_grad_()
    trace = []
    for t in range(len(p.rates)):
        images, labels, rate = p.step(t)
        loss = F.cross_entropy(p.net(theta, images), labels)
        (change,) = torch.autograd.grad(loss, theta, grad_outputs=rate, create_graph=True)
        trace.append((theta, change))
        theta = (theta - change).detach().requires_grad_()
    adjoint = gradient(p.net, theta, p.x, p.y)
    by_images = [None] * len(p.data)
    by_rate = [None] * len(p.rates)
    while trace:
        theta, change = trace.pop()
        t = len(trace)
        images, _, rate = p.step(t)
        by_theta, d_images, by_rate[t] = torch.autograd.grad((change,), [theta, images, rate], (-adjoint,))
        s = t % len(p.data)
        by_images[s] = d_images if by_images[s] is None else by_images[s] + d_images
        adjoint = adjoint + by_theta
    return by_images, by_rate, adjoint


def check(net):
    """Compares `hypergradient` with autograd through the whole unrolled descent, in double precision."""
    p = make_problem(net, Work("hypergradient", 2, 2, 10, 20), torch.float64)
    theta0 = theta = p.theta0.detach().requires_grad_()
    for t in range(len(p.rates)):
        images, labels, rate = p.step(t)
        loss = F.cross_entropy(net(theta, images), labels)
        theta = theta - rate * torch.autograd.grad(loss, theta, create_graph=True)[0]
    wanted = torch.autograd.grad(
        F.cross_entropy(net(theta, p.x), p.y), [images for images, _ in p.data] + p.rates + [theta0])
    by_images, by_rate, by_theta0 = hypergradient(p)
    error = max(float((a - b).norm() / b.norm()) for a, b in zip(by_images + by_rate + [by_theta0], wanted))
    print(json.dumps({"what": "check", "relative_error": error}))
    return error < 1e-10  # a NaN is no pass


def timed(f, runs):
    f()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        f()
        times.append(1e3 * (time.perf_counter() - start))
    times.sort()
    return {"min_ms": times[0], "median_ms": times[len(times) // 2]}


def measure(net, work, runs):
    if work.what == "hypergradient":
        problem = make_problem(net, work)
        return timed(lambda: hypergradient(problem), runs)
    if work.what == "gradient":
        theta = net.xavier().requires_grad_()
        x, y = batch_of(net, work.batch)
        return timed(lambda: gradient(net, theta, x, y), runs)
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    timing = timed(lambda: a @ b, runs)
    return {**timing, "gflops": 2e-6 * 1024**3 / timing["min_ms"]}


def loaded_libraries():
    """The files of this process's shared libraries, once PyTorch has multiplied matrices."""
    torch.randn(64, 64) @ torch.randn(64, 64)
    try:
        with open("/proc/self/maps") as maps:
            return {line.split(maxsplit=5)[5].strip() for line in maps if ".so" in line}
    except OSError:
        return set()


def blas_kernel():
    """What OpenBLAS calls the kernels that it chose for this processor; "unknown" of another library."""
    for path in loaded_libraries():
        if not os.path.basename(os.path.realpath(path)).startswith(("libopenblas", "libblas")):
            continue
        try:
            corename = ctypes.CDLL(path).openblas_get_corename
        except (OSError, AttributeError):
            continue
        corename.restype = ctypes.c_char_p
        return corename().decode()
    return "unknown"


def blas():
    """The library that does PyTorch's matrix products, by what is loaded: "reference" is the slow one."""
    loaded = loaded_libraries()
    # Debian's alternatives: whichever is chosen, the file is libblas.so.3, in a folder that says whose it is.
    chosen = [os.path.realpath(path) for path in loaded if os.path.basename(path).startswith("libblas.so")]
    for path in chosen or loaded:
        for name, mark in (("OpenBLAS", "openblas"), ("MKL", "mkl"), ("BLIS", "blis"), ("ATLAS", "atlas")):
            if mark in path.lower() and "mkldnn" not in path.lower():
                return name
    if chosen:
        return "reference"
    return "MKL" if torch.backends.mkl.is_available() else "unknown"


def peak_rss_mb():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def main():
    parser = argparse.ArgumentParser(
        description="PyTorch's time for the work of bench_hypergradient; one JSON object a line.", allow_abbrev=False)
    parser.add_argument("--net", default="lenet", choices=NETWORKS, help="the network (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="default: as many as processors")
    parser.add_argument("--runs", type=int, default=9, help="timed runs (default: %(default)s)")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="a subset of the work (see --list)")
    parser.add_argument("--list", action="store_true", help="print the names of the work, time nothing")
    parser.add_argument("--check", action="store_true", help="check the hypergradient, time nothing")
    options = parser.parse_args()
    if options.threads < 1 or options.runs < 1:
        parser.error("--threads and --runs must be at least 1")
    net, work = NETWORKS[options.net], {work.name: work for work in WORK[options.net]}
    unknown = [name for name in options.only or [] if name not in work]
    if unknown:
        parser.error(f"--only: no work of this network is called {unknown[0]} (choose from {', '.join(work)})")
    if options.list:
        print("\n".join(work))
        return 0

    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    if options.check:
        return 0 if check(net) else 1
    print(json.dumps({"what": "setup", "torch": torch.__version__, "blas": blas(), "blas_kernel": blas_kernel(),
                      "threads": options.threads}), flush=True)
    for name in options.only or work:
        w = work[name]
        row = {"what": w.what}
        if w.what != "sgemm":
            row["net"] = options.net
        if w.what == "hypergradient":
            row.update(steps=w.steps, epochs=w.epochs, images=w.images)
        if w.what != "sgemm":
            row["batch"] = w.batch
        row.update(threads=options.threads, runs=options.runs, **measure(net, w, options.runs))
        # Of the process so far: ask for one piece of work to have its own.
        print(json.dumps({**row, "peak_rss_mb": peak_rss_mb()}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
