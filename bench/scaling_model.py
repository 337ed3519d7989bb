#!/usr/bin/env python3
"""The model of docs/scaling.md: seconds of an outer step shared by R processes. scaling_model.py [--csv FILE]

    T(R) = ceil(K / R) c + f + 2 gather + chain + broadcast
    gather    = ceil(log2 R) L
    chain     = (R - 1) (L + s / B) + (b - s) / B
    broadcast = ceil(log2 R) (L + b / B)

for K networks of c seconds each, f seconds of fixed work per rank, and b bytes of learned values, sent in segments of
s <= 64 kB over links of latency L and bandwidth B. Prints the predictions for the measured points and a table for
clusters; --csv writes the efficiency, c K / (R T(R)), for up to 1,024 processes.
"""

import argparse
import math

SEGMENT = 65536
MNIST = {"c": 0.0384, "f": 0.0012, "b": 313648}  # docs/scaling.md: LeNet, 10 x 3 steps, batch 256
CIFAR = {"c": 2.72, "f": 0.0, "b": 1228924}  # AlexCifarNet, 10 x 3 steps, batch 128
ETHERNET = {"L": 50e-6, "B": 1e9}
INFINIBAND = {"L": 2e-6, "B": 10e9}


def seconds(work, link, networks, ranks):
    compute = math.ceil(networks / ranks) * work["c"] + work["f"]
    if ranks == 1:
        return compute
    b, s, hops = work["b"], min(work["b"], SEGMENT), math.ceil(math.log2(ranks))
    chain = (ranks - 1) * (link["L"] + s / link["B"]) + (b - s) / link["B"]
    return compute + 2 * hops * link["L"] + chain + hops * (link["L"] + b / link["B"])


def efficiency(work, link, networks, ranks):
    return networks * work["c"] / (ranks * seconds(work, link, networks, ranks))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", help="write efficiencies in percent to this file")
    given = parser.parse_args()
    print("measured points: 2 ranks, 4 networks of LeNet")
    for name, link in (("shared memory", {"L": 0, "B": 1e12}), ("1 ms, 10 MB/s", {"L": 1e-3, "B": 10e6}),
                       ("5 ms, 100 MB/s", {"L": 5e-3, "B": 100e6})):
        print(f"  {name:16} {seconds(MNIST, link, 4, 2):.4f} s")
    print("as many networks as ranks: efficiency in percent, of LeNet and AlexCifarNet")
    columns = [("LeNet, 1 GB/s", MNIST, ETHERNET), ("LeNet, 10 GB/s", MNIST, INFINIBAND),
               ("AlexCifarNet, 1 GB/s", CIFAR, ETHERNET), ("AlexCifarNet, 10 GB/s", CIFAR, INFINIBAND)]
    rows = []
    for power in range(11):
        ranks = 2**power
        rows.append([ranks] + [100 * efficiency(work, link, ranks, ranks) for _, work, link in columns])
        print(f"  {ranks:5}" + "".join(f"{value:8.1f}" for value in rows[-1][1:]))
    print("1,024 networks: fastest number of ranks")
    for name, work, link in columns:
        best = min(range(1, 1025), key=lambda ranks: seconds(work, link, 1024, ranks))
        print(f"  {name:22} {best:5} ranks, {seconds(work, link, 1024, best):.3f} s; 1 rank "
              f"{seconds(work, link, 1024, 1):.1f} s")
    if given.csv:
        with open(given.csv, "w") as file:
            file.write(",".join(["log2 of processes"] + [name.replace(",", " at") for name, _, _ in columns]) + "\n")
            for row in rows:
                file.write(",".join([str(int(math.log2(row[0])))] + [f"{value:.2f}" for value in row[1:]]) + "\n")


if __name__ == "__main__":
    main()
