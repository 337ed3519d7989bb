// A program that takes both namespaces in, beside every header of the standard library that has names of mathematics or
// algorithms, calls each operation by its plain name. That it compiles is the test.

#include <doctest/doctest.h>

#include <algorithm>
#include <any>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <complex>
#include <concepts>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <functional>
#include <future>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <numbers>
#include <numeric>
#include <optional>
#include <random>
#include <ranges>
#include <regex>
#include <set>
#include <span>
#include <sstream>
#include <stack>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <valarray>
#include <variant>
#include <vector>

#include "hypertape/hypertape.hpp"

using namespace std;
using namespace hypertape;

namespace {

// Names that a program may well have; each is used below.
struct Square {};
struct Slice {};
struct Exp {};
struct Sin {};
struct Divide {};
struct Segments {};
struct Arena {};
struct MaxPool2d {};

template <class T>
Var<T> every_operation(Var<T> theta, Var<T> images) {
  const Index N = images.shape()[0];
  const Var<T> kernel = theta.slice(0, {2, 2, 3, 3}), two = theta.slice(36, {2}), weight = theta.slice(38, {3, 8});
  const Var<T> normed = local_response_norm(instance_norm(conv2d(images, kernel, two, {.padding = 1}), two, two));
  const Var<T> pooled = max_pool2d(normed) + average_pool2d(normed);
  const Var<T> x = reshape(pooled, {N, 8}), logits = linear(x, weight, theta.slice(62, {3}));
  const Var<T> smooth = relu(x) + tanh(x) + sigmoid(x) + softplus(x) + abs(x) - sin(x) * cos(x) / exp(x);
  const Var<T> positive = log(sqrt(square(smooth) + 1) + 1) / 2;
  const Var<T> channels = sum_per_channel(positive), samples = sum_over_features(positive);
  const Var<T> spread = repeat_per_channel(channels, positive.shape()) + repeat_for_features(samples, positive.shape());
  const vector<int32_t> classes(static_cast<size_t>(N), 1);
  const Var<T> soft = softmax(logits), labels = theta.tape().leaf(one_hot<T>(classes, 3));
  const Var<T> rows = relayout(logits, Layout::row_major),
               chosen = where(is_greater(rows, is_less(rows, -rows)), rows, rows);
  const Var<T> more = maximum(chosen, minimum(pow(chosen, 2), is_equal(chosen, chosen))) + clamp(chosen, -1, 1);
  const Var<T> all = concatenate(split(stack_along({more, gelu(more)}), 0, {1, 1}), 1);
  return sum(erf(all)) + sum(logsumexp(amax(flip(transpose(all), 0), {0}), -1)) +
         mean(relayout(spread, Layout::row_major)) + sum(smooth) + norm(logits) + dot(soft, log_softmax(logits)) +
         scale(norm(x), fill(mean(x), {})) + softmax_cross_entropy(logits, labels) +
         softmax_cross_entropy(logits, classes) + mean_squared_error(soft, labels);
}

}  // namespace

TEST_CASE_TEMPLATE("operations: unqualified calls beside the standard library's names", T, float, double) {
  Tape<T> tape;
  Random random(1);
  Tensor<T> weights(Shape{65}), pixels(Shape::batch(5, 2, 4, 4));
  for (T& value : weights.values()) value = static_cast<T>(random.normal());
  for (T& value : pixels.values()) value = static_cast<T>(random.normal());
  const Var<T> theta = tape.leaf(weights), images = tape.leaf(pixels), loss = every_operation(theta, images);
  const Var<T> slope = gradient(loss, theta);
  CHECK(gradient(loss, {theta, images})[0].shape() == theta.shape());
  CHECK(vjp(slope, theta, theta).value().all_finite());
  CHECK(jvp(slope, theta, theta).value().all_finite());
  CHECK(hvp(loss, theta, slope).value().all_finite());
}

TEST_CASE("operations: derivatives of all of them together") {
  Random random(2);
  Tensor<double> weights(Shape{65}), pixels(Shape::batch(2, 2, 4, 4));
  for (double& value : weights.values()) value = random.normal();
  for (double& value : pixels.values()) value = random.normal();
  const auto f = [](auto x) { return every_operation(x[0], x[1]); };
  CHECK(check_gradient<double>(f, {weights, pixels}, {.order = 2}).within(1e-6, 1e-11));
}

TEST_CASE("operations: a program's own types of such names are not ambiguous beside using namespace hypertape") {
  const std::tuple<Square, Slice, Exp, Sin, Divide, Segments, Arena, MaxPool2d> own;
  CHECK(tuple_size_v<remove_const_t<decltype(own)>> == 8);
}
