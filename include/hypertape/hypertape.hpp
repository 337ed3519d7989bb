#pragma once

/// The library, from tensors to hypergradients. <hypertape/distill.hpp> adds datasets and dataset distillation.

#include "hypertape/autodiff/check_gradient.hpp"
#include "hypertape/autodiff/gradient.hpp"
#include "hypertape/autodiff/jvp.hpp"
#include "hypertape/core/version.hpp"
#include "hypertape/nn/classification_loss.hpp"
#include "hypertape/nn/lenet.hpp"
#include "hypertape/nn/mlp.hpp"
#include "hypertape/ops/activations.hpp"
#include "hypertape/ops/arithmetic.hpp"
#include "hypertape/ops/conv2d.hpp"
#include "hypertape/ops/linear.hpp"
#include "hypertape/ops/losses.hpp"
#include "hypertape/ops/math.hpp"
#include "hypertape/ops/pool2d.hpp"
#include "hypertape/ops/reduce.hpp"
#include "hypertape/ops/softmax.hpp"
#include "hypertape/optim/optimizer.hpp"
#include "hypertape/optim/schedule.hpp"
#include "hypertape/unroll/batch_gradient.hpp"
#include "hypertape/unroll/hypergradient.hpp"
