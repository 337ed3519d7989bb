#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "hypertape/core/row_major.hpp"
#include "hypertape/io/npz.hpp"
#include "hypertape/optim/adam.hpp"
#include "hypertape/optim/optimizer.hpp"

namespace hypertape::inline HYPERTAPE_ABI::distill {

namespace detail {

/// Runs `restore`, and reports an ArgumentError as an error in the file: no run can have such a state.
/// @throws DataError.
template <class Restore>
void refuse_as_data(const std::filesystem::path& path, const std::string& place, const Restore& restore) {
  try {
    restore();
  } catch (const ArgumentError& error) {
    throw io::bad_content(path, place, "a state that a run can have", error.what());
  }
}

}  // namespace detail

/// A group of values and the Adam optimizer that updates them, which checkpoints can store.
template <class T>
class AdamGroup {
 public:
  std::vector<T> values;    ///< the values that are updated
  std::vector<T> gradient;  ///< of the loss with respect to the values

  /// Starts without values.
  explicit AdamGroup(const optim::Adam& rule) : adam_(rule) {}

  /// Steps taken so far.
  Index steps() const { return adam_.state().steps; }

  /// The sum of the gradient's squares.
  double square_norm() const {
    double sum = 0;
    for (const T g : gradient) sum += static_cast<double>(g) * static_cast<double>(g);
    return sum;
  }

  /// Takes one step with the gradient times `factor`.
  void step(double factor, double learning_rate) {
    for (T& g : gradient) g *= static_cast<T>(factor);
    adam_.step(values, gradient, learning_rate);
  }

  /// Adds the arrays NAME (n), NAME.adam_steps (1) and, after the first step, NAME.adam_mean and NAME.adam_square (n).
  void save(io::Npz& npz, const std::string& name) const {
    const auto count = static_cast<Index>(values.size());
    npz[name] = {{count}, values};
    npz[name + ".adam_steps"] = {{1}, std::vector<std::int64_t>{adam_.state().steps}};
    for (std::size_t i = 0; i < adam_.state().slot.size(); ++i) {
      npz[name + slot_names[i]] = {{count}, to_row_major(adam_.state().slot[i])};
    }
  }

  /// Restores what `save` wrote; there must be as many values as now. @throws DataError naming an array that is
  /// missing, has another shape, or holds what no run can; the present state is then lost.
  void restore(const io::Npz& npz, const std::filesystem::path& path, const std::string& name) {
    using hypertape::detail::concat;
    const auto count = static_cast<Index>(values.size());
    values = io::require_values<T>(npz, path, name, {count});
    for (const T value : values) {
      if (!std::isfinite(value)) throw io::bad_content(path, "array '" + name + "'", "finite values", concat(value));
    }
    optim::State<T> state;
    state.steps = io::require_values<std::int64_t>(npz, path, name + ".adam_steps", {1})[0];
    if (state.steps > 0) {
      for (const char* slot : slot_names) {
        const std::vector<T>& moments = io::require_values<T>(npz, path, name + slot, {count});
        state.slot.emplace_back(Shape{count}, std::span(moments));
      }
    }
    detail::refuse_as_data(path, "arrays '" + name + ".adam_*'", [&] { adam_.restore(std::move(state)); });
  }

 private:
  static constexpr std::array slot_names{".adam_mean", ".adam_square"};

  optim::Optimizer<T> adam_;
};

}  // namespace hypertape::inline HYPERTAPE_ABI::distill
