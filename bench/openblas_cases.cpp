#include <cblas.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "bilinear.hpp"
#include "layers.hpp"

// Makes OpenBLAS select its kernels anew, if it was built for many processors; null if it was built for one.
extern "C" {
[[gnu::weak]] void gotoblas_dynamic_init();
[[gnu::weak]] void gotoblas_dynamic_quit();
}

namespace hypertape::bench {
namespace {

/// The kernel sets that this processor can run, by their OPENBLAS_CORETYPE; null stands for OpenBLAS's own choice.
std::vector<const char*> kernel_sets() {
  std::vector<const char*> sets{nullptr};
#if defined(__x86_64__)
  if (gotoblas_dynamic_init == nullptr || gotoblas_dynamic_quit == nullptr) return sets;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    sets.insert(sets.end(), {"Haswell", "Zen"});
  }
  if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    sets.push_back("SkylakeX");
    if (__builtin_cpu_supports("avx512bf16")) sets.push_back("Cooperlake");
  }
#endif
  return sets;
}

void use_kernel_set(const char* set) {
  static const char* used = "none yet";
  if (set == used) return;
  used = set;
  unsetenv("OPENBLAS_L2_SIZE");  // OpenBLAS's own choice is better
  unsetenv("OPENBLAS_CORETYPE");
  if (set != nullptr) setenv("OPENBLAS_CORETYPE", set, 1);
  if (gotoblas_dynamic_init != nullptr && gotoblas_dynamic_quit != nullptr) {
    gotoblas_dynamic_quit();
    gotoblas_dynamic_init();
  }
  openblas_set_num_threads(1);
}

/// Transposes a row-major matrix (rows, columns) to (columns, rows).
Tensor<float> transposed(const Tensor<float>& matrix, Index rows, Index columns) {
  Tensor<float> out(Shape{columns, rows});
  for (Index r = 0; r < rows; ++r) {
    for (Index c = 0; c < columns; ++c) out[c * rows + r] = matrix[r * columns + c];
  }
  return out;
}

/// The product of left (rows, terms) and right (terms, columns), each stored as it is or transposed; all row-major.
struct Product {
  Index rows, columns, terms;
  Tensor<float> left, right;
  bool left_transposed, right_transposed;
  Tensor<float> output = unwritten(Shape{rows, columns});

  void run() {
    const auto n = [](Index count) { return static_cast<blasint>(count); };
    const auto order = [](bool is_transposed) { return is_transposed ? CblasTrans : CblasNoTrans; };
    cblas_sgemm(CblasRowMajor, order(left_transposed), order(right_transposed), n(rows), n(columns), n(terms), 1.0F,
                left.data(), n(left_transposed ? rows : terms), right.data(), n(right_transposed ? terms : columns),
                0.0F, output.data(), n(columns));
  }
};

/// A product with the fastest kernel set and batch layout.
class FastestProduct {
 public:
  /// Chooses between the product with batches in our layout, samples innermost, and with samples outermost, where a
  /// result that is a batch is stored transposed.
  FastestProduct(Product innermost, Product outermost, bool batch, std::shared_ptr<BilinearData> data)
      : data_(std::move(data)) {
    double best = std::numeric_limits<double>::infinity();
    Product* products[] = {&innermost, &outermost};
    const Product* chosen = nullptr;
    for (const char* set : kernel_sets()) {
      for (Product* product : products) {
        use_kernel_set(set);
        const double time = shortest(*product);
        if (!(time < best)) continue;
        best = time;
        set_ = set;
        chosen = product;
      }
    }
    use_kernel_set(set_);
    note_ =
        std::string(openblas_get_corename()) + (chosen == &outermost ? ", samples outermost" : ", samples innermost");
    transposed_ = batch && chosen == &outermost;
    product_ = std::move(chosen == &outermost ? outermost : innermost);
  }

  void run() {
    use_kernel_set(set_);
    product_->run();
  }

  void fetch() {
    const Tensor<float> result =
        transposed_ ? transposed(product_->output, product_->rows, product_->columns) : product_->output;
    std::copy_n(result.data(), result.size(), data_->output.data());
  }

  const std::string& note() const { return note_; }

 private:
  /// The least processor time of a call in seconds, over repetitions of a few milliseconds.
  static double shortest(Product& product) {
    product.run();
    double best = std::numeric_limits<double>::infinity();
    for (int repetition = 0; repetition < 5; ++repetition) {
      int runs = 0;
      const std::clock_t start = std::clock();
      std::clock_t taken = 0;
      for (; taken < CLOCKS_PER_SEC / 250; taken = std::clock() - start, ++runs) product.run();
      best = std::min(best, static_cast<double>(taken) / runs);
    }
    return best / CLOCKS_PER_SEC;
  }

  std::shared_ptr<BilinearData> data_;
  const char* set_ = nullptr;
  bool transposed_ = false;
  std::optional<Product> product_;
  std::string note_;
};

enum class Pass { forward, input_gradient, weight_gradient };

/// A batch (N, F) has samples innermost: as a row-major matrix it is (F, N).
PreparedKernel linear_product(Index N, Index F, Index O, Pass pass) {
  const auto prepared = [&](const Shape& left, const Shape& right, const Shape& output, const auto& products,
                            const auto& obvious) {
    const auto data = bilinear_data(left, right, output);
    auto [innermost, outermost] = products(data->left, data->right);
    const auto product = std::make_shared<FastestProduct>(std::move(innermost), std::move(outermost),
                                                          pass != Pass::weight_gradient, data);
    PreparedKernel kernel = bilinear(
        data, N * F * O, [=] { product->run(); },
        [=](const auto& a, const auto& b, auto& out) {
          for_each_linear_product(N, F, O,
                                  [&](Index in, Index weight, Index to) { obvious(a, b, out, in, weight, to); });
        },
        [=] { product->fetch(); });
    kernel.note = product->note();
    return kernel;
  };
  const Shape x{N, F}, y{N, O}, w{O, F};
  using Matrix = Tensor<float>;
  switch (pass) {
    case Pass::forward:
      return prepared(
          x, w, y,
          [=](const Matrix& in, const Matrix& weight) {
            return std::pair(Product{O, N, F, weight, in, false, false},
                             Product{N, O, F, transposed(in, F, N), weight, false, true});
          },
          [](const auto& a, const auto& b, auto& out, Index in, Index weight, Index to) {
            out[to] += a[in] * b[weight];
          });
    case Pass::input_gradient:
      return prepared(
          y, w, x,
          [=](const Matrix& out, const Matrix& weight) {
            return std::pair(Product{F, N, O, weight, out, true, false},
                             Product{N, F, O, transposed(out, O, N), weight, false, false});
          },
          [](const auto& a, const auto& b, auto& out, Index in, Index weight, Index to) {
            out[in] += a[to] * b[weight];
          });
    default:
      return prepared(
          y, x, w,
          [=](const Matrix& out, const Matrix& in) {
            return std::pair(Product{O, F, N, out, in, false, true},
                             Product{O, F, N, transposed(out, O, N), transposed(in, F, N), true, false});
          },
          [](const auto& a, const auto& b, auto& out, Index in, Index weight, Index to) {
            out[weight] += a[to] * b[in];
          });
  }
}

}  // namespace

std::vector<KernelCase> openblas_cases() {
  std::vector<KernelCase> cases;
  for (const auto& [name, pass] : {std::pair("openblas_linear/", Pass::forward),
                                   std::pair("openblas_linear_input_gradient/", Pass::input_gradient),
                                   std::pair("openblas_linear_weight_gradient/", Pass::weight_gradient)}) {
    for (const LinearLayer& layer : linear_layers) {
      cases.push_back({std::string(name) + layer.name,
                       [layer, pass = pass](Index N) { return linear_product(N, layer.inputs, layer.outputs, pass); }});
    }
  }
  return cases;
}

}  // namespace hypertape::bench
