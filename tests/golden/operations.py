#!/usr/bin/env python3
"""Golden values of operations and their derivatives to third order, computed by PyTorch in double precision.

usage: python3 operations.py > operations.txt        (needs NumPy and PyTorch)

For each operation y = f(x_0, x_1, ...) of row-major tensors, with uniform numbers u(salt, i) of lenet_hypergradient.py: element
i of operand k is 2 u(k, i) - 1, or 0.5 + u(k, i) if the operation needs positive ones. NAME/0 is y, and NAME/1, /2, /3 are the
gradients, of all operands one after the other, of

    L_0 = sum of (2 u(50, i) - 1) y_i,      L_1 = sum of (2 u(51, i) - 1) (NAME/1)_i,      L_2 = sum of (2 u(52, i) - 1) (NAME/2)_i
"""
import torch
import torch.nn.functional as F

from lenet_hypergradient import print_block, uniform


def numbers(salt, shape, positive=False):
    size = torch.Size(shape).numel()
    values = uniform(salt, size).reshape(shape)
    return 0.5 + values if positive else 2 * values - 1


ANY, POSITIVE = False, True
M, V = (3, 4), (4,)
NUMBERS = torch.tensor([[2, 0, 1, 1], [0, 0, 2, 1]])


def definite(a):
    return a @ a.T + torch.eye(3, dtype=torch.float64)


def normalized(x, axes):
    """By the definition: PyTorch's fused layer_norm and batch_norm have a wrong third derivative, as their second takes
    the mean and the deviation for constants."""
    return (x - x.mean(axes, keepdim=True)) / (x.var(axes, unbiased=False, keepdim=True) + 1e-5).sqrt()


OPERATIONS = {
    "abs": (torch.abs, ANY, M),
    "exp": (torch.exp, ANY, M),
    "expm1": (torch.expm1, ANY, M),
    "log": (torch.log, POSITIVE, M),
    "log1p": (torch.log1p, POSITIVE, M),
    "sqrt": (torch.sqrt, POSITIVE, M),
    "sin": (torch.sin, ANY, M),
    "cos": (torch.cos, ANY, M),
    "tan": (torch.tan, ANY, M),
    "atan": (torch.atan, ANY, M),
    "erf": (torch.erf, ANY, M),
    "tanh": (torch.tanh, ANY, M),
    "sigmoid": (torch.sigmoid, ANY, M),
    "softplus": (F.softplus, ANY, M),
    "relu": (lambda x: torch.relu(x) * x * x, ANY, M),
    "leaky_relu": (lambda x: F.leaky_relu(x, 0.2) * x * x, ANY, M),
    "elu": (lambda x: F.elu(x, 1.5), ANY, M),
    "silu": (F.silu, ANY, M),
    "gelu": (F.gelu, ANY, M),
    "gelu_tanh": (lambda x: F.gelu(x, approximate="tanh"), ANY, M),
    "pow": (torch.pow, POSITIVE, M, M),
    "pow_number": (lambda x: x ** 2.5, POSITIVE, M),
    "atan2": (torch.atan2, POSITIVE, M, M),
    "max_of_two": (lambda a, b: torch.maximum(a, b) * a * b, ANY, M, M),
    "clamp": (lambda x: torch.clamp(x, -0.4, 0.6) * x * x, ANY, M),
    "where": (lambda a, b: torch.where(a > b, a * a * b, b * b * b), ANY, M, M),
    "broadcast": (lambda a, b: a * b / (3 + a + b), ANY, (2, 3, 1), V),
    "sum_axis": (lambda x: (x * x * x).sum(1), ANY, M),
    "mean_axes": (lambda x: (x * x * x).mean((0, 2)), ANY, (2, 3, 4)),
    "max_axis": (lambda x: x.amax(1) ** 3, ANY, M),
    "logsumexp": (lambda x: torch.logsumexp(x, 1), ANY, M),
    "softmax": (lambda x: torch.softmax(x, 1), ANY, (2, 3, 4)),
    "log_softmax": (lambda x: torch.log_softmax(x, 2), ANY, (2, 3, 4)),
    "permute": (lambda x: x.permute(2, 0, 1) ** 3, ANY, (2, 3, 4)),
    "narrow": (lambda x: x[:, 1:3] ** 3, ANY, M),
    "pad": (lambda x: F.pad(x, (1, 2)) ** 3, ANY, M),
    "concatenate": (lambda a, b: torch.cat([a, b], 0) ** 3, ANY, M, M),
    "stack": (lambda a, b: torch.stack([a, b], 1) ** 3, ANY, M, M),
    "gather": (lambda x: torch.gather(x, 0, NUMBERS) ** 3, ANY, M),
    "index_select": (lambda x: x[[2, 0, 2]] ** 3, ANY, M),
    "matmul": (lambda a, b: (a @ b) ** 2, ANY, M, (4, 2)),
    "matmul_transposed": (lambda a, b: a.transpose(1, 2) @ b * (a.transpose(1, 2) @ b), ANY, (2, 3, 2), (2, 3, 2)),
    "layer_norm": (lambda x, g, b: normalized(x, (1,)) * g + b, ANY, M, V, V),
    "group_norm": (lambda x, g, b: F.group_norm(x, 2, g, b), ANY, (2, 4, 2, 2), V, V),
    "batch_norm": (lambda x, g, b: normalized(x, (0, 2, 3)) * g[:, None, None] + b[:, None, None], ANY, (3, 4, 2, 2), V, V),
    "conv2d_transpose": (lambda x, w: F.conv_transpose2d(x, w, stride=2, padding=1) ** 2, ANY,
                         (2, 3, 2, 2), (3, 2, 3, 3)),
    "conv2d_groups": (lambda x, w: F.conv2d(x, w, padding=1, groups=2) ** 2, ANY, (2, 4, 3, 3), (2, 2, 3, 3)),
    "cholesky": (lambda a: torch.linalg.cholesky(definite(a)), ANY, (3, 3)),
    "solve_triangular": (lambda a, b: torch.linalg.solve_triangular(torch.tril(a), b, upper=False), POSITIVE, (3, 3), (3, 2)),
    "solve": (lambda a, b: torch.linalg.solve(definite(a), b), ANY, (3, 3), (3, 2)),
    "inverse": (lambda a: torch.linalg.inv(definite(a)), ANY, (3, 3)),
    "log_determinant": (lambda a: torch.linalg.slogdet(definite(a)).logabsdet, ANY, (3, 3)),
    "huber_loss": (lambda a, b: F.huber_loss(a, b, delta=0.7) ** 2, ANY, M, M),
    "mean_absolute_error": (lambda a, b: F.l1_loss(a, b) ** 3, ANY, M, M),
    "sigmoid_cross_entropy": (lambda a, b: F.binary_cross_entropy_with_logits(a, b), POSITIVE, M, M),
    "weighted_cross_entropy": (lambda x: F.cross_entropy(x, torch.tensor([2, 0, 3]),
                                                         weight=torch.tensor([1, 2, 0.5, 3], dtype=torch.float64)), ANY, M),
}


def main():
    x, g, b = numbers(0, M), numbers(1, V), numbers(2, V)
    assert torch.allclose(F.layer_norm(x, V, g, b), OPERATIONS["layer_norm"][0](x, g, b), rtol=0, atol=1e-14)
    x = numbers(0, (3, 4, 2, 2))
    assert torch.allclose(F.batch_norm(x, None, None, g, b, training=True), OPERATIONS["batch_norm"][0](x, g, b), atol=1e-14)
    print("# Operations and their derivatives to third order, in double precision.")
    print(f"# Written by operations.py, whose first lines define every input and block, with PyTorch {torch.__version__}.")
    for name, (function, positive, *shapes) in OPERATIONS.items():
        operands = [numbers(k, shape, positive).requires_grad_() for k, shape in enumerate(shapes)]
        value = function(*operands)
        print_block(f"{name}/0", value.detach().reshape(-1))
        for order in range(1, 4):
            loss = (numbers(49 + order, value.shape) * value).sum()
            gradients = torch.autograd.grad(loss, operands, create_graph=True, allow_unused=True) if loss.requires_grad \
                else [None] * len(operands)
            value = torch.cat([(torch.zeros_like(x) if g is None else g).reshape(-1) for x, g in zip(operands, gradients)])
            print_block(f"{name}/{order}", value.detach())


if __name__ == "__main__":
    main()
