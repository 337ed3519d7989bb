"""Scripts that time named pieces of work, as a program of bench/tasks.hpp does."""

import argparse
import json
import os

import torch

from hypergradient import blas, blas_kernel, peak_rss_mb, timed


def slope_error(f, inputs, gradients, step=1e-8):
    """The derivative of f() along a random direction, by these gradients, against a central difference."""
    directions = [torch.randn_like(x) / (x.numel() ** 0.5) for x in inputs]
    along = sum(float((g * d).sum().detach()) for g, d in zip(gradients, directions))

    def moved(by):
        with torch.no_grad():
            for x, d in zip(inputs, directions):
                x += by * d
        value = float(f().detach())
        with torch.no_grad():
            for x, d in zip(inputs, directions):
                x -= by * d
        return value

    return abs(along - (moved(step) - moved(-step)) / (2 * step)) / abs(along)


def run_tasks(program, tasks, call_of, check):
    """The script beside a program: tasks are names, call_of(task) the call that is timed, check(task) the relative
    error of its derivatives in double precision. Returns the exit code."""
    parser = argparse.ArgumentParser(
        description=f"PyTorch's time for the work of {program}; one JSON object a line.", allow_abbrev=False)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="default: as many as processors")
    parser.add_argument("--runs", type=int, default=9, help="timed runs (default: %(default)s)")
    parser.add_argument("--only", nargs="+", choices=tasks, metavar="NAME", help="a subset of the work (see --list)")
    parser.add_argument("--list", action="store_true", help="print the names of the work, time nothing")
    parser.add_argument("--check", action="store_true", help="check the derivatives, time nothing")
    options = parser.parse_args()
    if options.threads < 1 or options.runs < 1:
        parser.error("--threads and --runs must be at least 1")
    if options.list:
        print("\n".join(tasks))
        return 0
    torch.set_num_threads(options.threads)
    chosen = options.only or tasks
    if options.check:
        errors = {task: check(task) for task in chosen}
        print(json.dumps({"what": "check", "relative_errors": errors}))
        return 0 if all(error < 1e-3 for error in errors.values()) else 1  # a NaN is no pass
    print(json.dumps({"what": "setup", "torch": torch.__version__, "blas": blas(), "blas_kernel": blas_kernel(),
                      "threads": options.threads}), flush=True)
    for task in chosen:
        torch.manual_seed(1)
        call = call_of(task)
        row = {"task": task, "threads": options.threads, "runs": options.runs, **timed(call, options.runs)}
        print(json.dumps({**row, "peak_rss_mb": peak_rss_mb()}), flush=True)
    return 0
