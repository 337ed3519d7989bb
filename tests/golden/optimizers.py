#!/usr/bin/env python3
"""Golden values of hypergradients through twenty steps of each of PyTorch's optimizers, in double precision.

usage: python3 optimizers.py > optimizers.txt        (needs NumPy and PyTorch)

What is computed. A network of two inputs, three tanh units and one output, theta = (W1 (3, 2), b1 (3), W2 (1, 3), b2 (1)), is trained
for ten epochs of two steps on

    l(theta, x_s, y_s, phi) = mean over n of (W2 tanh(W1 x_n + b1) + b2 - y_n)^2 + exp(phi) |W2|^2

and the outer loss is the same at theta_20, without the penalty, on four other points. torch.optim does not let itself be differentiated,
so that the steps are written once more below, as PyTorch documents them; after twenty of them, theta and all that an optimizer keeps must
be those of torch.optim to 1e-14. The whole unroll is one graph, differentiated once, and that derivative is compared with a central
difference along one direction.

Inputs, with uniform(salt, i) as in lenet_hypergradient.py, u = uniform(salt, i) and i the row-major index:

    theta_0        salt 1: 1.6 u - 0.8                    x of step s    salt 10 + s, (2, 2): 2u - 1
    phi            -2                                     y of step s    salt 40 + s, (2, 1): 2u - 1
    eta_t          salt 30, i = t: RATE (0.5 + u)         outer points   x salt 20, (4, 2), y salt 21, (4, 1): 2u - 1

RATE and the optimizers' numbers are in RUNS. In runs named zero_gradient the second input of every training sample is 0, and so is the
gradient with respect to three weights in every step. There the square root of a mean of squares has no finite derivative, and PyTorch's
own would be NaN; `root` below has none at 0, as what it is multiplied with is 0.

The file. Lines starting with # are comments. Then blocks: a line "name count", followed by count values, one a line, %.17g. For a run R,

    R/loss                                      the outer loss
    R/theta, R/slot_0, R/slot_1, ...            theta_20 and what the optimizer keeps
    R/d_theta_0, R/d_x, R/d_y, R/d_rates,       derivatives of the outer loss; x and y of both steps
    R/d_phi, R/d_coefficients                   the last in the order of the numbers in RUNS
"""
import torch

from lenet_hypergradient import print_block, symmetric, uniform

STEPS, EPOCHS, HIDDEN = 2, 10, 3
SIZE = 4 * HIDDEN + 1


def network(theta, x):
    w1, b1, w2, b2 = theta.split([2 * HIDDEN, HIDDEN, HIDDEN, 1])
    return torch.tanh(x @ w1.view(HIDDEN, 2).T + b1) @ w2.view(HIDDEN, 1) + b2


def inner_loss(theta, x, y, phi):
    return ((network(theta, x) - y) ** 2).mean() + phi.exp() * (theta[3 * HIDDEN:4 * HIDDEN] ** 2).sum()


def outer_loss(theta):
    return ((network(theta, symmetric(20, 4, 2)) - symmetric(21, 4, 1)) ** 2).mean()


def root(v):
    """sqrt(v), with the derivative 0 at 0."""
    positive = v > 0
    return torch.where(positive, torch.where(positive, v, torch.ones_like(v)).sqrt(), torch.zeros_like(v))


# Steps: (theta, slots, gradient, learning rate, coefficients, number of the step from 1 on) -> (theta, slots).


def sgd(theta, slots, g, rate, c, n):
    return theta - rate * g, []


def heavy_ball(theta, slots, g, rate, c, n):
    velocity = c["momentum"] * slots[0] + g
    return theta - rate * velocity, [velocity]


def nesterov(theta, slots, g, rate, c, n):
    velocity = c["momentum"] * slots[0] + g
    return theta - rate * (g + c["momentum"] * velocity), [velocity]


def adam(theta, slots, g, rate, c, n):
    mean = c["beta1"] * slots[0] + (1 - c["beta1"]) * g
    square = c["beta2"] * slots[1] + (1 - c["beta2"]) * g * g
    denominator = root(square) / (1 - c["beta2"] ** n).sqrt() + c["epsilon"]
    return theta - rate / (1 - c["beta1"] ** n) * mean / denominator, [mean, square]


def rmsprop(theta, slots, g, rate, c, n):
    square = c["alpha"] * slots[0] + (1 - c["alpha"]) * g * g
    velocity = c["momentum"] * slots[1] + g / (root(square) + c["epsilon"])
    return theta - rate * velocity, [square, velocity]


def centered_rmsprop(theta, slots, g, rate, c, n):
    square = c["alpha"] * slots[0] + (1 - c["alpha"]) * g * g
    mean = c["alpha"] * slots[2] + (1 - c["alpha"]) * g
    velocity = c["momentum"] * slots[1] + g / (root(square - mean * mean) + c["epsilon"])
    return theta - rate * velocity, [square, velocity, mean]


def decayed(step):
    return lambda theta, slots, g, rate, c, n: step(theta, slots, g + c["weight_decay"] * theta, rate, c, n)


def decoupled(step):
    return lambda theta, slots, g, rate, c, n: step(theta * (1 - rate * c["weight_decay"]), slots, g, rate, c, n)


def clipped(step):
    def clipped_step(theta, slots, g, rate, c, n):
        return step(theta, slots, g * (c["max_norm"] / (g.norm() + 1e-6)).clamp(max=1), rate, c, n)
    return clipped_step


# What torch.optim keeps, in the order of the slots.
BUFFER, MOMENTS, SQUARES = ["momentum_buffer"], ["exp_avg", "exp_avg_sq"], ["square_avg", "momentum_buffer"]


def torch_adam(theta, c, kind=torch.optim.Adam):
    return kind([theta], betas=(c["beta1"], c["beta2"]), eps=c["epsilon"], weight_decay=c.get("weight_decay", 0))


def torch_rmsprop(theta, c, centered=False):
    return torch.optim.RMSprop([theta], alpha=c["alpha"], eps=c["epsilon"], momentum=c["momentum"], centered=centered)


def torch_sgd(theta, c, nesterov=False):
    return torch.optim.SGD([theta], lr=1, momentum=c.get("momentum", 0), weight_decay=c.get("weight_decay", 0),
                           nesterov=nesterov)


ADAM = {"beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8}
RMSPROP = {"alpha": 0.9, "epsilon": 1e-8, "momentum": 0.0}

# name: (step, optimizer, its slots, RATE, coefficients)
RUNS = {
    "sgd": (sgd, torch_sgd, [], 0.3, {}),
    "sgd_decay": (decayed(sgd), torch_sgd, [], 0.3, {"weight_decay": 0.05}),
    "momentum": (heavy_ball, torch_sgd, BUFFER, 0.1, {"momentum": 0.9}),
    "momentum_0": (heavy_ball, torch_sgd, BUFFER, 0.3, {"momentum": 0.0}),
    "momentum_decay": (decayed(heavy_ball), torch_sgd, BUFFER, 0.1, {"momentum": 0.9, "weight_decay": 0.05}),
    "nesterov": (nesterov, lambda theta, c: torch_sgd(theta, c, True), BUFFER, 0.1, {"momentum": 0.9}),
    "adam": (adam, torch_adam, MOMENTS, 0.05, ADAM),
    "adam_beta1_0": (adam, torch_adam, MOMENTS, 0.05, {**ADAM, "beta1": 0.0}),
    "adam_zero_gradient": (adam, torch_adam, MOMENTS, 0.05, {**ADAM, "epsilon": 1e-2}),
    "adam_decay": (decayed(adam), torch_adam, MOMENTS, 0.05, {**ADAM, "weight_decay": 0.05}),
    "adamw": (decoupled(adam), lambda theta, c: torch_adam(theta, c, torch.optim.AdamW), MOMENTS, 0.05,
              {**ADAM, "weight_decay": 0.1}),
    "rmsprop": (rmsprop, torch_rmsprop, SQUARES, 0.02, RMSPROP),
    "rmsprop_momentum": (rmsprop, torch_rmsprop, SQUARES, 0.01, {**RMSPROP, "momentum": 0.8}),
    "rmsprop_zero_gradient": (rmsprop, torch_rmsprop, SQUARES, 0.02, {**RMSPROP, "epsilon": 1e-2, "momentum": 0.5}),
    "rmsprop_centered": (centered_rmsprop, lambda theta, c: torch_rmsprop(theta, c, True), SQUARES + ["grad_avg"], 0.01,
                         {**RMSPROP, "momentum": 0.8}),
    "clip": (clipped(sgd), torch_sgd, [], 0.3, {"max_norm": 0.5}),
    "clip_momentum_decay": (clipped(decayed(heavy_ball)), torch_sgd, BUFFER, 0.1,
                            {"momentum": 0.9, "weight_decay": 0.05, "max_norm": 0.5}),
}


def inputs(name, rate):
    """theta_0, x, y, learning rates, phi."""
    x = torch.stack([symmetric(10 + s, 2, 2) for s in range(STEPS)])
    if "zero_gradient" in name:
        x[:, :, 1] = 0
    y = torch.stack([symmetric(40 + s, 2, 1) for s in range(STEPS)])
    return [0.8 * symmetric(1, SIZE), x, y, rate * (0.5 + uniform(30, STEPS * EPOCHS)), torch.tensor(-2.0, dtype=torch.float64)]


def trained(step, slots, theta, x, y, rates, phi, coefficients):
    """theta and slots after all steps, with the graph of every step."""
    state = [torch.zeros_like(theta) for _ in slots]
    for t, rate in enumerate(rates):
        loss = inner_loss(theta, x[t % STEPS], y[t % STEPS], phi)
        gradient, = torch.autograd.grad(loss, theta, create_graph=True)
        theta, state = step(theta, state, gradient, rate, coefficients, t + 1)
    return theta, state


def trained_by_torch(make, slots, theta, x, y, rates, phi, coefficients):
    theta = theta.clone().requires_grad_()
    optimizer = make(theta, coefficients)
    clipped_steps = 0
    for t, rate in enumerate(rates):
        optimizer.param_groups[0]["lr"] = rate.item()
        optimizer.zero_grad()
        inner_loss(theta, x[t % STEPS], y[t % STEPS], phi).backward()
        if "max_norm" in coefficients:
            norm = torch.nn.utils.clip_grad_norm_([theta], coefficients["max_norm"])
            clipped_steps += int(norm > coefficients["max_norm"])
        optimizer.step()
    if "max_norm" in coefficients:
        assert 0 < clipped_steps < len(rates), "%d steps were clipped: some must be, and some not" % clipped_steps
    # Without momentum torch.optim keeps no velocity: it is what the last step was made of.
    return theta.detach(), [optimizer.state[theta].get(slot) for slot in slots]


def check_difference(name, step, slots, variables, numbers, gradients):
    """Compares the derivative along one direction, of which coefficients are a small part: epsilon must stay positive."""
    direction = [symmetric(60 + i, v.numel()).view(v.shape) * (1e-3 if i > 4 else 1) for i, v in enumerate(variables)]
    h = 1e-6

    def loss(side):
        moved = [(v + side * h * d).detach().requires_grad_() for v, d in zip(variables, direction)]
        return outer_loss(trained(step, slots, *moved[:5], dict(zip(numbers, moved[5:])))[0]).item()

    difference = (loss(1) - loss(-1)) / (2 * h)
    slope = sum((g * d).sum().item() for g, d in zip(gradients, direction))
    tolerance = 1e-3 if "zero_gradient" in name else 1e-7  # where g / (|g| + epsilon) bends within h
    assert abs(difference - slope) <= tolerance * abs(slope), name


def main():
    torch.set_num_threads(1)
    print("# Hypergradients through twenty steps of each of PyTorch's optimizers, in double precision.")
    print("# Written by optimizers.py, whose first lines define every input and block, with PyTorch %s." % torch.__version__)
    for name, (step, make, slots, rate, numbers) in RUNS.items():
        given = inputs(name, rate)
        coefficients = {key: torch.tensor(value, dtype=torch.float64) for key, value in numbers.items()}
        theta, state = trained(step, slots, given[0].requires_grad_(), *given[1:], coefficients)
        expected_theta, expected_state = trained_by_torch(make, slots, given[0].detach(), *given[1:], numbers)
        for got, expected in zip([theta] + state, [expected_theta] + expected_state):
            if expected is not None:
                assert (got - expected).norm() <= 1e-14 * expected.norm(), name

        variables = [v.detach().requires_grad_() for v in given + list(coefficients.values())]
        end, _ = trained(step, slots, *variables[:5], dict(zip(numbers, variables[5:])))
        loss = outer_loss(end)
        gradients = torch.autograd.grad(loss, variables)
        check_difference(name, step, slots, variables, numbers, gradients)

        print_block(name + "/loss", [loss])
        print_block(name + "/theta", theta)
        for i, slot in enumerate(state):
            print_block(name + "/slot_%d" % i, slot)
        for what, gradient in zip(["theta_0", "x", "y", "rates", "phi"], gradients):
            print_block(name + "/d_" + what, gradient.flatten())
        if coefficients:
            print_block(name + "/d_coefficients", gradients[5:])


if __name__ == "__main__":
    main()
