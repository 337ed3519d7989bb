"""Other threads run meanwhile, and Ctrl-C ends a call."""
import signal
import subprocess
import sys
import threading
import time

import numpy as np

import hypertape


def longest_pause(work):
    """Of a thread that wants to run every millisecond while the work is done, and how long that took."""
    done, times = threading.Event(), []

    def tick():
        while not done.is_set():
            times.append(time.perf_counter())
            time.sleep(0.001)

    ticking = threading.Thread(target=tick)
    ticking.start()
    start = time.perf_counter()
    try:
        work()
    finally:
        seconds = time.perf_counter() - start
        done.set()
        ticking.join()
    return max(np.diff(times), default=seconds), seconds


def test_other_threads_run_meanwhile(small, distilled):
    for work in (
        lambda: hypertape.distill(small, iterations=40, batch=256, evaluate_every=1000),
        lambda: hypertape.evaluate(distilled, small, init="random", networks=40),
    ):
        pause, seconds = longest_pause(work)
        assert pause < seconds / 2, f"no other thread ran for {pause} of {seconds} s"


def test_two_threads_distil_at_once(small, distilled):
    results = {}

    def work(name):
        results[name] = hypertape.distill(small, iterations=3, batch=64, threads=2)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in results.values():
        assert np.array_equal(one.images[0], distilled.images[0])
    assert len(results) == 2


CTRL_C = """
import hypertape, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # which is left out where whoever runs the tests ignores it
glyphs = hypertape.load_dataset("glyphs")
images, labels = glyphs.images[:600], glyphs.labels[:600]
calls = []
def report(now):
    calls.append(now)
    if len(calls) == 3: print("running", flush=True)
try:
    {call}
    print("was not interrupted")
except KeyboardInterrupt:
    again = hypertape.distill(images, labels, iterations=3, batch=64)
    print("interrupted", float(again.images[0].sum()))
"""


def interrupted(call, expected):
    process = subprocess.Popen([sys.executable, "-c", CTRL_C.format(call=call)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "running\n"
        process.send_signal(signal.SIGINT)
        start = time.perf_counter()
        words = process.communicate(timeout=60)[0].split()
        assert time.perf_counter() - start < 30
    finally:
        process.kill()
    assert words == ["interrupted", str(float(expected.images[0].sum()))]  # what comes after it has the same bits


def test_ctrl_c_ends_distill(glyphs):
    expected = hypertape.distill(glyphs.images[:600], glyphs.labels[:600], iterations=3, batch=64)
    interrupted("hypertape.distill(images, labels, iterations=10**6, progress=report)", expected)


def test_ctrl_c_ends_evaluate(glyphs):
    expected = hypertape.distill(glyphs.images[:600], glyphs.labels[:600], iterations=3, batch=64)
    interrupted(
        "hypertape.evaluate(hypertape.distill(images, labels, iterations=1, batch=64), images, labels, init='random', "
        "networks=10**6, progress=report)",
        expected,
    )
