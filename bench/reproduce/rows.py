"""Every experiment of docs/results.md: its command, and what the paper reports.

The paper is Wang, Zhu, Torralba and Efros, Dataset Distillation, arXiv 1811.10959v3. Figures are percent of test images.
"""

import string
from dataclasses import dataclass


@dataclass
class Row:
    """One run of the tool. `options` are the command and its options, without --out; "{NAME}" is the folder of row NAME."""

    name: str
    what: str
    paper: str
    options: str
    note: str = ""

    @property
    def needs(self):
        """The rows whose folders its options name."""
        return [name for _, name, _, _ in string.Formatter().parse(self.options) if name]


@dataclass
class Table:
    title: str
    text: str
    rows: list
    chart: str = ""  # the name of a picture of its accuracies, over what the rows are called


TEN = "distill --seed 7 --evaluate-every 200"
HUNDRED = "distill --steps 10 --evaluate-every 200 --seed 7"
RANDOM = (f"{HUNDRED} --init random --from-real-images --initial-learning-rate 0.05 --rates-learning-rate 0.004"
          " --clip 0.1 --skip-diverged")
BASELINE = "baseline --steps 10 --seed 7"
KNN = "baseline --classifier k-nn --steps 10 --seed 7"


def baselines(prefix, dataset, init, paper, sets_without_networks=True):
    """The four kinds of real images, and nearest neighbours on two of them, for one dataset and initialisation."""
    methods = ["random-real", "optimized-real", "k-means", "average-real"]
    rows = [
        Row(f"{prefix}-{method}", f"{method}, best fixed learning rate", figure,
            f"{BASELINE} --dataset {dataset} {init} --method {method}")
        for method, figure in zip(methods, paper)
    ]
    if sets_without_networks:
        rows += [
            Row(f"{prefix}-knn-{method}", f"{method}, nearest neighbours", figure,
                f"{KNN} --dataset {dataset} --method {method}")
            for method, figure in zip(["random-real", "k-means"], paper[4:])
        ]
    return rows


TABLES = [
    Table(
        "MNIST and Fashion-MNIST, one fixed initialisation",
        "LeNet, three epochs of one or ten steps, ten images a step.",
        [
            Row("mnist-10", "MNIST, 10 images, 1 x 3", "93.8", f"{TEN} --dataset mnist"),
            Row("mnist-10-soft", "the same, learned soft labels", "-", f"{TEN} --dataset mnist --soft-labels --labels-learning-rate 0.005 --iterations 24000"),
            Row("mnist-100", "MNIST, 100 images, 10 x 3", "96.6", f"{HUNDRED} --dataset mnist --iterations 8000"),
            Row("fashion-10", "Fashion-MNIST, 10 images, 1 x 3", "-", f"{TEN} --dataset fashion-mnist"),
        ],
    ),
    Table(
        "MNIST, random initialisations, 100 images",
        "Mean and standard deviation over 200 new networks. Baselines train on real images.",
        [
            Row("mnist-random", "distilled, 10 x 3", "79.5 +- 8.1",
                f"{RANDOM} --dataset mnist --iterations 5000"),
            Row("mnist-random-momentum", "the same with momentum 0.5 in the inner steps", "-",
                f"{RANDOM} --dataset mnist --iterations 5000 --momentum 0.5"),
        ]
        + baselines("mnist", "mnist", "--init random",
                    ["68.6 +- 9.8", "73.0 +- 7.6", "76.4 +- 9.5", "77.1 +- 2.7", "71.5 +- 2.1", "92.2 +- 0.1"]),
    ),
    Table(
        "Fashion-MNIST, random initialisations, 100 images",
        "As above; the paper has no such figures.",
        [
            Row("fashion-random", "distilled, 10 x 3", "-",
                f"{RANDOM} --dataset fashion-mnist --iterations 2000"),
        ]
        + baselines("fashion", "fashion-mnist", "--init random", ["-"] * 6),
    ),
]

POOLS = [
    Row("pool-mnist", "220 networks trained on MNIST", "-",
        "pretrain --dataset mnist --networks 220 --epochs 5 --seed 7"),
    Row("pool-usps", "220 networks trained on USPS", "-",
        "pretrain --dataset usps --networks 220 --epochs 20 --seed 7"),
]


def adaptation(source, target, paper):
    """Networks trained for one dataset adapt to another in 10 x 3 steps on 100 images."""
    prefix = f"{source}-{target}"
    pool = f"--source-dataset {source} --pool {{pool-{source}}}"
    start = "--initial-learning-rate 0.02"
    random = f"--init random-pretrained {pool}"
    return [
        Row(f"{prefix}-fixed", "one fixed pre-trained network", paper[0],
            f"{HUNDRED} --dataset {target} --init fixed-pretrained {pool} {start} --iterations 2000 --hold-out 1000"),
        Row(f"{prefix}-random", "random pre-trained networks", paper[1],
            f"{HUNDRED} --dataset {target} {random} {start} --from-real-images --rates-learning-rate 0.004 --clip 0.1"
            " --iterations 6000 --hold-out 1000"),
    ] + baselines(prefix, target, random, paper[2:6], sets_without_networks=False)


TABLES += [
    Table("Pools of trained networks", "Test accuracy on what they were trained for; the last 20 of each are for tests, the 8 before to"
          " choose with.", POOLS),
    Table("MNIST networks adapted to USPS", "100 images of USPS, 10 x 3 steps; in parentheses without any. The test images (zip.test) are harder than the"
          " training images: networks trained on all of USPS get 95.6 % of them right here (the pool above), 97.3 in the paper;"
          " the baselines are lower than the paper's too.",
          adaptation("mnist", "usps", ["97.9", "95.4 +- 1.8", "94.9", "95.2", "92.2", "93.9"])),
    Table("USPS networks adapted to MNIST", "100 images of MNIST, 10 x 3 steps; in parentheses without any. SVHN -> MNIST needs SVHN's files, which"
          " were not at hand.",
          adaptation("usps", "mnist", ["93.2", "92.7 +- 1.4", "87.1", "87.6", "85.6", "78.4"])),
    Table(
        "Attack",
        "Trained networks shall take class K for class T after one step on ten images.",
        [
            Row(f"attack-{k}-{t}", f"MNIST, {k} taken for {t}", "-",
                f"distill --dataset mnist --init random-pretrained --pool {{pool-mnist}} --objective attack"
                f" --attack-class {k} --target-class {t} --epochs 1 --initial-learning-rate 0.02 --iterations 4000"
                " --evaluate-every 200 --seed 7")
            for k, t in [(0, 1), (4, 9), (7, 2)]
        ],
    ),
    Table(
        "CIFAR-10",
        "AlexCifarNet, one fixed initialisation. The images at hand were CIFAR-10's, re-encoded as JPEG; the run was given ten"
        " minutes: 400 outer steps of 128 images, where the paper's code takes some 19,500 of 1,024.",
        [
            Row("cifar-100", "100 images, 10 x 3", "54.0",
                "distill --dataset cifar-10 --net alexcifarnet --steps 10 --epochs 3 --batch 128 --iterations 400"
                " --initial-learning-rate 0.02 --evaluate-every 50 --checkpoint-every 25 --hold-out 2000 --seed 7"),
        ],
    ),
]

TABLES += [
    Table(
        "Linear case (section 3.3)",
        "One gradient step on M distilled points from random weights: D = 8 points reach the solution from everywhere, fewer"
        " cannot. docs/linear-case.md derives the bound.",
        [Row("linear", "8 dimensions", "M >= D is needed", "linear")],
    ),
]

# What README.md shows, with words that stand for themselves.
HEADLINES = {
    "mnist-10": "MNIST, one initialisation, 10 images, 1 x 3 steps",
    "mnist-10-soft": "the same with learned soft labels",
    "mnist-100": "MNIST, one initialisation, 100 images, 10 x 3",
    "mnist-random": "MNIST, random initialisations, 100 images, 10 x 3",
    "mnist-random-momentum": "the same with momentum 0.5",
    "mnist-usps-random": "trained MNIST networks adapt to USPS, 100 images",
    "usps-mnist-random": "trained USPS networks adapt to MNIST, 100 images",
    "attack-4-9": "trained MNIST networks take 4 for 9 after one step",
    "fashion-10": "Fashion-MNIST, one initialisation, 10 images, 1 x 3",
    "cifar-100": "CIFAR-10 (re-encoded as JPEG), one initialisation, 100 images, 10 x 3",
}

LENGTHS = {
    "steps": ("Accuracy over the number of steps", "10 images a step, 3 epochs", [1, 2, 5, 10, 20]),
    "epochs": ("Accuracy over the number of epochs", "10 images, 1 step", [1, 2, 3, 5, 10]),
    "images-per-class": ("Accuracy over images of a class in each step", "1 step, 3 epochs", [1, 2, 5, 10]),
}
TABLES += [
    Table(title, f"MNIST, one fixed initialisation, 1,500 iterations: {text}.",
          [Row(f"sweep-{option}-{value}", f"{value}", "-",
               f"distill --dataset mnist --seed 7 --iterations 1500 --{option} {value}") for value in values],
          chart=f"sweep-{option}")
    for option, (title, text, values) in LENGTHS.items()
]


def all_rows():
    return {row.name: row for table in TABLES for row in table.rows}
