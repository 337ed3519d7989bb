#!/usr/bin/env python3
"""Golden values of LeNet's hypergradient through gradient descent with momentum, computed by PyTorch in double precision.

usage: python3 momentum.py > momentum.txt        (needs NumPy and PyTorch)

Network, inputs and blocks are those of lenet_hypergradient.py, of its run T6/hard (3 steps x 2 epochs); with v_0 = 0 a step is

    v_{t+1} = 0.9 v_t + grad l(x_s, y_s; theta_t),    theta_{t+1} = theta_t - eta_t v_{t+1}

and one block more, T6/momentum/momentum, is dL/d mu at mu = 0.9. The same steps by torch.optim.SGD give the same theta_T, which
the script checks.
"""
import torch

from lenet_hypergradient import SAMPLE_STRIDE, cross_entropy, hard_labels, inputs, print_block, print_gradient, real_batch

STEPS, EPOCHS, MOMENTUM = 3, 2, 0.9


def trained(theta, images, labels, learning_rates, momentum):
    """theta_T, with the graph of every step."""
    velocity = torch.zeros_like(theta)
    for t, learning_rate in enumerate(learning_rates):
        loss = cross_entropy(theta, images[t % STEPS], labels[t % STEPS])
        gradient, = torch.autograd.grad(loss, theta, create_graph=True)
        velocity = momentum * velocity + gradient
        theta = theta - learning_rate * velocity
    return theta


def trained_by_sgd(theta, images, labels, learning_rates):
    theta = theta.detach().clone().requires_grad_()
    optimizer = torch.optim.SGD([theta], lr=1.0, momentum=MOMENTUM)
    for t, learning_rate in enumerate(learning_rates):
        optimizer.param_groups[0]["lr"] = learning_rate.item()
        optimizer.zero_grad()
        cross_entropy(theta, images[t % STEPS].detach(), labels[t % STEPS].detach()).backward()
        optimizer.step()
    return theta


def main():
    torch.set_num_threads(1)
    print("# LeNet's hypergradient through six steps of gradient descent with momentum 0.9, in double precision.")
    print("# Written by momentum.py, whose first lines define every input and block, with PyTorch %s." % torch.__version__)
    theta_0, images, labels, learning_rates = inputs(STEPS, EPOCHS, hard_labels)
    momentum = torch.tensor(MOMENTUM, dtype=torch.float64, requires_grad=True)
    theta = trained(theta_0, images, labels, learning_rates, momentum)
    assert (theta - trained_by_sgd(theta_0, images, labels, learning_rates)).norm() <= 1e-12 * theta.norm()
    loss = cross_entropy(theta, *real_batch())
    d_theta, d_images, d_rates, d_momentum = torch.autograd.grad(loss, [theta_0, images, learning_rates, momentum])
    print_block("T6/momentum/loss", [loss])
    print_block("T6/momentum/learning_rates", d_rates)
    print_block("T6/momentum/momentum", [d_momentum])
    print_gradient("T6/momentum/images", d_images, SAMPLE_STRIDE["images"])
    print_gradient("T6/momentum/theta_0", d_theta, SAMPLE_STRIDE["theta_0"])


if __name__ == "__main__":
    main()
