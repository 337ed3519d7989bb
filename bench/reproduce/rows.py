"""Every experiment of docs/results.md: its command, and the figure that the paper reports.

The paper is Wang, Zhu, Torralba and Efros, Dataset Distillation, arXiv 1811.10959v3. Figures are percentages of test
images.
"""

import string
from dataclasses import dataclass


@dataclass
class Row:
    """One run of the tool. `options` are its arguments without --out; "{NAME}" stands for the folder of row NAME."""

    name: str
    what: str
    paper: str
    options: str
    absent: str = ""  # why it was not run here, if it was not

    @property
    def needs(self):
        """The rows whose folders the options refer to."""
        return [name for _, name, _, _ in string.Formatter().parse(self.options) if name]


@dataclass
class Table:
    title: str
    text: str
    rows: list
    chart: str = ""  # file name of a chart of the accuracies by row
    curve: str = ""  # the row whose held-out score is drawn over iterations
    race: str = ""  # the row whose score is drawn over seconds, next to that of bench/pytorch/distillation.py


TEN = "distill --seed 7 --evaluate-every 200"
HUNDRED = "distill --steps 10 --evaluate-every 200 --seed 7"
RANDOM = ("distill --steps 10 --evaluate-every 250 --seed 7 --init random --start real --rates-learning-rate {} --clip 0.1"
          " --skip-diverged --validation-networks 16 --dataset {} --iterations {} --initial-learning-rate 0.05")
MOMENTUM = RANDOM.replace("--initial-learning-rate 0.05", "--inner-optimizer sgd:momentum=0.8 --initial-learning-rate 0.015")
SOFT = "--soft-labels --labels-learning-rate 0.01"
CIFAR = ("distill --dataset cifar-10 --net alexcifarnet --steps 10 --epochs 3 --batch 128 --iterations {} --initial-learning-rate 0.02"
         " --evaluate-every {} --checkpoint-every 25 --hold-out 2000 --seed 7")
ONE_EPOCH = CIFAR.replace("--epochs 3", "--epochs 1")
GOING_ON = ONE_EPOCH.replace("--initial-learning-rate 0.02", "--learning-rate 0.01")
NO_PHOTOGRAPHS = "not run: neither the photographs nor ImageNet's weights were at hand"
NO_SVHN = "not run: SVHN's files were not at hand"
TOO_LONG = "not run: the pool takes hours on two cores"


def baselines(prefix, dataset, init, paper, rates="", steps=10, what=""):
    """Networks trained on the four kinds of real images; learning rates from the tool's grid and from row `rates`."""
    learned = f" --rates {{{rates}}}/distilled.npz" if rates else ""
    return [
        Row(f"{prefix}-{method}", f"{what}{method}, best learning rates", figure,
            f"baseline --steps {steps} --seed 7 --dataset {dataset} {init} --method {method}{learned}")
        for method, figure in zip(["random-real", "optimized-real", "k-means", "average-real"], paper)
    ]


def neighbors(prefix, dataset, paper, distilled):
    """Nearest neighbors among 100 real images, among centroids, and among the distilled images of a row."""
    k_nn = f"baseline --classifier k-nn --seed 7 --dataset {dataset}"
    return [
        Row(f"{prefix}-knn-{method}", f"{method}, nearest neighbors", figure, f"{k_nn} --steps 10 --method {method}")
        for method, figure in zip(["random-real", "k-means"], paper)
    ] + [Row(f"{prefix}-knn-distilled", "the distilled images, nearest neighbors", "-", f"{k_nn} --distilled {{{distilled}}}/distilled.npz")]


TABLES = [
    Table(
        "MNIST and Fashion-MNIST, one fixed initialization",
        "LeNet, three epochs of one or ten steps, ten images per step.",
        [
            Row("mnist-10", "MNIST, 10 images, 1 x 3", "93.8", f"{TEN} --dataset mnist"),
            Row("mnist-10-soft", "the same with learned soft labels, twice the iterations", "-", f"{TEN} --dataset mnist --soft-labels --labels-learning-rate 0.005 --iterations 24000"),
            Row("mnist-10-paper", "the first row with the settings of the paper's code", "93.8",
                f"{TEN.replace('200', '500')} --dataset mnist --batch 1024 --iterations 23440 --halve-every 2344 --learning-rate 0.01"
                " --rates-learning-rate 0.01 --initial-noise 1 --initial-learning-rate 0.02 --clip 0"),
            Row("mnist-100", "MNIST, 100 images, 10 x 3", "96.6", f"{HUNDRED} --dataset mnist --iterations 8000"),
            Row("fashion-10", "Fashion-MNIST, 10 images, 1 x 3", "-", f"{TEN} --dataset fashion-mnist"),
        ],
    ),
    Table(
        "Ten real images, the same initialization",
        "For comparison with the first and the last row above: one step on ten real images, at most five epochs.",
        baselines("mnist-10", "mnist", "--init fixed", ["-"] * 4, rates="mnist-10", steps=1, what="MNIST, ")
        + baselines("fashion-10", "fashion-mnist", "--init fixed", ["-"] * 4, rates="fashion-10", steps=1, what="Fashion-MNIST, "),
    ),
    Table(
        "MNIST, random initializations, 100 images",
        "Mean and standard deviation over 200 new networks. Baselines train on real images, for 1, 3 or 5 epochs with the best of six fixed"
        " learning rates, or with the rates that the first row learned, whichever does best.",
        [
            Row("mnist-random", "distilled, 10 x 3", "79.5 +- 8.1",
                RANDOM.format(0.001, "mnist", 5000)),
            Row("mnist-random-momentum", "with momentum 0.8 in the inner steps, 6,000 iterations and other rates", "-",
                MOMENTUM.format(0.004, "mnist", 6000)),
            Row("mnist-random-soft", "the same and learned soft labels, 12,000 iterations", "-",
                f"{MOMENTUM.format(0.004, 'mnist', 12000)} {SOFT}"),
        ]
        + baselines("mnist", "mnist", "--init random", ["68.6 +- 9.8", "73.0 +- 7.6", "76.4 +- 9.5", "77.1 +- 2.7"],
                    rates="mnist-random")
        + neighbors("mnist", "mnist", ["71.5 +- 2.1", "92.2 +- 0.1"], "mnist-random"),
    ),
    Table(
        "Fashion-MNIST, random initializations, 100 images",
        "As above; the paper has no figures for this dataset.",
        [
            Row("fashion-random", "distilled, 10 x 3", "-",
                f"{HUNDRED} --init random --start real --initial-learning-rate 0.05 --rates-learning-rate 0.004 --clip 0.1"
                " --skip-diverged --dataset fashion-mnist --iterations 2000"),
            Row("fashion-random-soft", "with momentum 0.8 and learned soft labels", "-",
                f"{MOMENTUM.format(0.004, 'fashion-mnist', 4000)} {SOFT}"),
        ]
        + baselines("fashion", "fashion-mnist", "--init random", ["-"] * 4, rates="fashion-random")
        + neighbors("fashion", "fashion-mnist", ["-"] * 2, "fashion-random"),
    ),
]

EVALUATE = "evaluate --dataset mnist --init random --seed 7"
TABLES += [
    Table(
        "Distilled images elsewhere",
        "Images made for one purpose and tested for another, over new networks. Learning rates are those that were learned.",
        [
            Row("elsewhere-10", "10 images of MNIST for one initialization, with others", "-",
                f"{EVALUATE} --distilled {{mnist-10}}/distilled.npz"),
            Row("elsewhere-shuffled", "100 images for random initializations, steps in random order", "-",
                f"{EVALUATE} --distilled {{mnist-random}}/distilled.npz --shuffle"),
            Row("elsewhere-he", "the same in order, LeNets with He's initialization", "-",
                f"{EVALUATE} --distilled {{mnist-random}}/distilled.npz --initializer he-normal"),
            Row("elsewhere-mlp", "multilayer perceptrons with 256 hidden units", "-",
                f"{EVALUATE} --distilled {{mnist-random}}/distilled.npz --net mlp"),
            Row("elsewhere-convnet", "ConvNets of 3 layers of 32 channels, with instance norm", "-",
                f"{EVALUATE} --distilled {{mnist-random}}/distilled.npz --net convnet --width 32 --test-networks 50"),
        ],
    ),
]

# Randomly truncated windows of an inner loop with Adam (Feng, Ramasinghe and Kempe 2023), on narrow networks and for a
# short time. The result trains networks four times as wide.
UNORDERED = ("distill --dataset {} --net convnet --width 32 --initializer pytorch --init random --unordered"
          " --inner-optimizer adam --initial-learning-rate 0.001 --rates-learning-rate 0 --window 20 --random-windows --networks 1"
          " --clip 0 --clip-average 2 --clip-memory 0.9 --validation-networks 4 --test-networks 2 --epochs 1"
          " --evaluate-every 100 --seed 7 {}")
ONE_EACH = "--images-per-class 1 --steps 60"
TEN_EACH = "--images-per-class 10 --inner-batch 20 --steps 80"
HARD = "--start real --learning-rate 0.01 --iterations {}"
SOFTENED = "--start-from {{{}}}/distilled.npz --steps 60 --learning-rate 0.02 --soft-labels --labels-learning-rate 0.02 --iterations {}"
SOFT_TOO = "--start real --learning-rate 0.02 --soft-labels --labels-learning-rate 0.02 --iterations {}"
WHITE = "--zca 0.1 --augment flip"


def unordered(dataset, name, title, settings, networks, training="paper"):
    """An unordered set, and full-width ConvNets trained on it, freely or with the inner loop it was made for."""
    how = {"free": "freely", "paper": "the same way"}[training]
    return [
        Row(f"unordered-{name}", f"{title}: ConvNets of 32 channels, by the inner loop it was made for", "-",
            UNORDERED.format(dataset, settings)),
        Row(f"unordered-{name}-128", f"ConvNets of 128 channels, {how}", "-",
            f"evaluate --dataset {dataset} --net convnet --initializer pytorch --init random --protocol {training}"
            f" --distilled {{unordered-{name}}}/distilled.npz --test-networks {networks} --seed 7"),
    ]


TABLES += [
    Table(
        "Sets without an order",
        "The setting of most results since 2020: one set of images, from which each step draws a batch, and ConvNets of 3 layers of 128 channels with"
        " instance norm, tested on all test images, next to random real images with the same labels. \"By the inner loop\" is 60 or 80 steps of Adam"
        " (rate 0.001). \"Freely\" is the usual way to compare: descent with rate 0.01, momentum 0.9 and weight decay 5e-4, the rate divided by ten after"
        " half of 300 epochs. Soft labels are unbounded here and come to have negative weights, for which the loss has no minimum. They work with the"
        " loop that they were learned for, but not with free training (41 % instead of 94 for the second set); with `--clamp-labels`, which keeps them"
        " probabilities, they do, but were worth no more than hard labels. States were chosen on held-out training images, with narrow networks. Each is a"
        " single set, made in seven to twenty-five minutes of one busy core.",
        unordered("mnist", "mnist-1", "MNIST, 10 images, hard labels", f"{ONE_EACH} {HARD.format(1500)}", 20, "free")
        + unordered("mnist", "mnist-1-soft", "the same, continued with soft labels", SOFTENED.format("unordered-mnist-1", 1500), 3)
        + unordered("mnist", "mnist-10", "MNIST, 100 images, soft labels", f"{TEN_EACH} {SOFT_TOO.format(500)}", 3)
        + unordered("fashion-mnist", "fashion-1", "Fashion-MNIST, 10 images, soft labels", f"{ONE_EACH} {SOFT_TOO.format(1200)}", 3)
        + unordered("fashion-mnist", "fashion-10", "Fashion-MNIST, 100 images, soft labels", f"{TEN_EACH} {SOFT_TOO.format(500)}", 3)
        + unordered("cifar-10", "cifar-1", "CIFAR-10, 10 images, soft labels", f"{ONE_EACH} {SOFT_TOO.format(1000)} {WHITE}", 3)
        + unordered("cifar-10", "cifar-10", "CIFAR-10, 100 images, soft labels", f"{TEN_EACH} {SOFT_TOO.format(200)} {WHITE}", 3),
    ),
    Table(
        "One network's images for another",
        "The sets of 100 images of MNIST and of 10 of CIFAR-10 above, made with ConvNets of 32 channels, train other networks by the same loop;"
        " ConvNets of 128 channels are above.",
        [
            Row(f"across-{name}-{net}", f"{title}, {called}", "-",
                f"evaluate --dataset {dataset} --net {net} --initializer pytorch --init random --protocol paper"
                f" --distilled {{unordered-{name}}}/distilled.npz --test-networks 5 --seed 7")
            for dataset, name, title, nets in [
                ("mnist", "mnist-10", "MNIST", {"lenet": "LeNet", "mlp": "multilayer perceptrons with 256 hidden units"}),
                ("cifar-10", "cifar-1", "CIFAR-10",
                 {"lenet": "LeNet", "alexcifarnet": "AlexCifarNet", "mlp": "multilayer perceptrons with 256 hidden units"}),
            ]
            for net, called in nets.items()
        ],
    ),
    Table(
        "Accuracy over time, compared with PyTorch",
        "The recipe of the first row above, for 100 iterations, on one thread each. `bench/pytorch/distillation.py` does the same in PyTorch"
        " 1.13, with one graph of the window's 20 steps, group norm for instance norm, and freed memory that is kept (MALLOC_TRIM_THRESHOLD_ and"
        " MALLOC_MMAP_THRESHOLD_ at 4000000000). Each draws its own real images and weights, and so starts at another level: compare the seconds of"
        " the whole runs. They include the evaluations, which are the same.",
        [Row("race", "MNIST, 10 images, 100 iterations", "-",
             UNORDERED.format("mnist", f"{ONE_EACH} {HARD.format(100)}").replace("--evaluate-every 100", "--evaluate-every 20 --threads 1"))],
        race="race",
    ),
]

POOLS = [
    Row("pool-mnist", "220 networks trained on MNIST", "-",
        "pretrain --dataset mnist --networks 220 --epochs 5 --seed 7 --hold-out 0"),
    Row("pool-mnist-100", "the first 100 of these networks (continued after a stop; the time covers the last 57)", "-",
        "pretrain --dataset mnist --networks 100 --epochs 5 --seed 7 --hold-out 0"),
    Row("pool-usps", "220 networks trained on USPS", "-",
        "pretrain --dataset usps --networks 220 --epochs 20 --seed 7 --hold-out 0"),
    Row("pool-usps-resplit", "28 networks trained on USPS, split anew", "97.3",
        "pretrain --dataset usps-resplit --networks 28 --epochs 20 --seed 7 --hold-out 0"),
    Row("pool-svhn", "220 networks trained on SVHN", "-",
        "pretrain --dataset svhn --networks 220 --epochs 5 --seed 7", absent=NO_SVHN),
    Row("pool-cifar-10", "36 AlexCifarNets trained on CIFAR-10", "80",
        "pretrain --dataset cifar-10 --net alexcifarnet --networks 36 --epochs 10 --seed 7", absent=TOO_LONG),
]


def adaptation(source, target, paper, pool="", rates=True, absent=""):
    """Networks trained on one dataset adapt to another in 10 x 3 steps on 100 images."""
    prefix = f"{source}-{target}"
    pool = f"--source-dataset {source} --pool {{{pool or f'pool-{source}'}}}"
    start = "--initial-learning-rate 0.02"
    # USPS has 1,194 zeros and 542 eights, which the tool would balance.
    plain = " --balance off" if target.startswith("usps") else ""
    random = f"--init random-pretrained {pool}"
    selection = " --selection-images 5000" if target.startswith("usps") else ""  # most of its images; by default a fifth
    rows = [
        Row(f"{prefix}-fixed", "one fixed pre-trained network", paper[0],
            f"{HUNDRED} --dataset {target} --init fixed-pretrained {pool} {start} --iterations 2000 --hold-out 1000{plain}"),
        Row(f"{prefix}-random", "random pre-trained networks", paper[1],
            f"{HUNDRED} --dataset {target} {random} {start} --start real --rates-learning-rate 0.004 --clip 0.1"
            f" --iterations 6000 --hold-out 1000{plain}"),
    ] + baselines(prefix, target, random + selection, paper[2:], rates=f"{prefix}-random" if rates else "")
    for row in rows:
        row.absent = absent
    return rows


TABLES += [
    Table("Pools of trained networks", "Test accuracy on the dataset that they were trained on. The last 20 of each pool are for tests, the 8 before"
          " them for choosing. They were trained on all training images; without `--hold-out 0`, the tool holds some out.", POOLS),
    Table("MNIST networks adapted to USPS", "100 images of USPS, 10 x 3 steps; in parentheses without them. As in the paper's code, the 9,298 images"
          " of USPS are split anew into 7,438 for training and 1,860 for the test. The paper's split is not known, so this is another. The baselines"
          " are up to 8 points below the paper's because they start lower: without adaptation the paper's networks get 90.4 +- 3.0 % right, these"
          " 79.3, presumably because its USPS is enlarged in another way. Adaptation makes up for that; a few steps on real images do not.",
          adaptation("mnist", "usps-resplit", ["97.9", "95.4 +- 1.8", "94.9", "95.2", "92.2", "93.9"], pool="pool-mnist-100")),
    Table("MNIST networks adapted to USPS, its own test images", "The same with zip.test as the test images. They are harder than the training"
          " images: networks trained on all of USPS get 95.6 % of them right (the pool above); the paper's get 97.3 % of theirs right.",
          adaptation("mnist", "usps", ["-"] * 6, rates=False)),
    Table("USPS networks adapted to MNIST", "100 images of MNIST, 10 x 3 steps; in parentheses without them.",
          adaptation("usps", "mnist", ["93.2", "92.7 +- 1.4", "87.1", "87.6", "85.6", "78.4"])),
    Table("SVHN networks adapted to MNIST", "100 images of MNIST as RGB, 10 x 3 steps.",
          adaptation("svhn", "mnist-rgb", ["96.3", "85.2 +- 4.7", "84.6", "85.2", "85.8", "74.9"], absent=NO_SVHN)),
    Table(
        "Attack",
        "One step on ten images should make trained networks take class K for class T. The pool has seen the held-out training images"
        " with which the state of a run was chosen; nothing has seen the test images.",
        [
            Row(f"attack-{k}-{t}", f"MNIST, {k} taken for {t}", "-",
                f"distill --dataset mnist --init random-pretrained --pool {{pool-mnist}} --objective attack"
                f" --attack-class {k} --target-class {t} --epochs 1 --initial-learning-rate 0.02 --iterations 4000"
                " --evaluate-every 200 --seed 7")
            for k, t in [(0, 1), (4, 9), (7, 2)]
        ] + [
            Row("attack-cifar-10", "CIFAR-10, 0 taken for 1", "-",
                "distill --dataset cifar-10 --net alexcifarnet --init random-pretrained --pool {pool-cifar-10} --objective attack"
                " --attack-class 0 --target-class 1 --epochs 1 --initial-learning-rate 0.02 --iterations 1000 --seed 7",
                absent=TOO_LONG),
        ],
    ),
    Table(
        "CIFAR-10",
        "AlexCifarNet. The images at hand were CIFAR-10's, re-encoded as JPEG. Runs have as many outer steps as their time allowed, with"
        " 128 real images for each network; the paper's code takes some 19,500 steps of 1,024.",
        [
            Row("cifar-100", "100 images, 10 x 3, one fixed initialization, 400 iterations", "54.0",
                CIFAR.format(400, 50)),
            Row("cifar-100-long", "the same, 2,400 iterations (in two parts, next to other work: the time says little)",
                "54.0", CIFAR.format(2400, 100)),
            Row("cifar-stage-1", "in stages: 10 x 1, 3,000 iterations", "-", ONE_EPOCH.format(3000, 100)),
            Row("cifar-stage-soft", "then soft labels, 1,000 iterations", "-",
                GOING_ON.format(1000, 100) + f" --start-from {{cifar-stage-1}}/distilled.npz {SOFT}"),
            Row("cifar-stage-on", "and 2,000 more", "-",
                GOING_ON.format(2000, 100) + f" --start-from {{cifar-stage-soft}}/distilled.npz {SOFT}"),
            Row("cifar-random", "100 images, 10 x 3, random initializations, 200 iterations", "36.8 +- 1.2",
                CIFAR.format(200, 25) + " --init random --networks 2 --start real --rates-learning-rate 0.004 --clip 0.1"
                " --skip-diverged --test-networks 20"),
        ] + baselines("cifar", "cifar-10", "--net alexcifarnet --init random --test-networks 20 --selection-images 1000",
                      ["21.3", "23.4", "22.5", "22.3"], rates="cifar-random")
        + neighbors("cifar", "cifar-10", ["18.8", "29.4"], "cifar-random"),
        curve="cifar-100-long",
    ),
]

PHOTOGRAPHS = ("distill --dataset folder --data {} --image-size 224 --fit crop --net alexnet --init fixed-pretrained --weights alexnet.npz"
               " --new-head --epochs {} --batch 64 --memory 4GB --seed 7")
TABLES += [
    Table(
        "AlexNet on photographs (Table 3)",
        "ImageNet's AlexNet adapted to other photographs by one image per class. `examples/python/export_alexnet.py` writes torchvision's weights"
        " as `alexnet.npz`. The tool's tests run the same command on a small scale, with folders of generated pictures and random weights.",
        [Row("alexnet-voc", "PASCAL-VOC, 20 images, 1 x 1", "70.75", PHOTOGRAPHS.format("voc", 1), absent=NO_PHOTOGRAPHS),
         Row("alexnet-cub", "CUB-200, 200 images, 1 x 3", "38.76", PHOTOGRAPHS.format("cub", 3), absent=NO_PHOTOGRAPHS)],
    ),
    Table(
        "Linear case (section 3.3)",
        "One gradient step on M distilled points from random weights: D = 8 points reach the solution from everywhere, fewer"
        " cannot. [The linear case](linear-case.md) derives the bound.",
        [Row("linear", "8 dimensions", "M >= D is needed", "linear")],
    ),
]

# Rows whose distilled sets are stored in docs/results/sets, so that anyone can evaluate them.
STORED = ["mnist-random", "unordered-mnist-1", "unordered-mnist-1-soft", "unordered-mnist-10", "unordered-fashion-1", "unordered-fashion-10"]

# What README.md shows. The headlines must be clear on their own.
PICTURE = "mnist-10"  # its distilled.png is the picture in README.md
ELSEWHERE = "elsewhere-10"  # the same images tested on other initializations
FOR_ANY = "mnist-random-soft"  # images made for random initializations

HEADLINES = {
    "mnist-10": "MNIST, one initialization, 10 images, 1 x 3 steps",
    "mnist-random": "MNIST, random initializations, 100 images, 10 x 3",
    "mnist-random-soft": "the same with momentum and learned soft labels, more iterations",
    "mnist-usps-resplit-random": "trained MNIST networks adapt to USPS, 100 images",
    "cifar-100-long": "CIFAR-10, one initialization, 100 images, 10 x 3, 2,400 iterations",
    "cifar-random": "CIFAR-10, random initializations, 100 images, 10 x 3, 200 iterations",
}

LENGTHS = {
    "steps": ("Accuracy over the number of steps", "10 images per step, 3 epochs", [1, 2, 5, 10, 20]),
    "epochs": ("Accuracy over the number of epochs", "10 images, 1 step", [1, 2, 3, 5, 10]),
    "images-per-class": ("Accuracy over images of a class in each step", "1 step, 3 epochs", [1, 2, 5, 10]),
}
TABLES += [
    Table(title, f"MNIST, one fixed initialization, 1,500 iterations: {text}.",
          [Row(f"sweep-{option}-{value}", f"{value}", "-",
               f"distill --dataset mnist --seed 7 --iterations 1500 --{option} {value}") for value in values],
          chart=f"sweep-{option}")
    for option, (title, text, values) in LENGTHS.items()
]


def all_rows():
    return {row.name: row for table in TABLES for row in table.rows}
