#include "hypertape/kernels/simd.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "support/random_tensor.hpp"

using namespace hypertape;
using namespace hypertape::kernels;

namespace {

constexpr int terms = 50, columns = 48;

/// The sum of a(k, j) b(k, j) over k, for each column j, in groups of vectors.
template <int Lanes, int Group, class T>
std::vector<T> sums_of_products(const Tensor<T>& a, const Tensor<T>& b) {
  using V = Simd<T, Lanes>;
  std::vector<T> sums(columns);
  for (int first = 0; first < columns; first += Group * Lanes) {
    typename V::Vector sum[Group] = {};
    for (int k = 0; k < terms; ++k) {
      for (int v = 0; v < Group; ++v) {
        const Index at = k * columns + first + v * Lanes;
        V::add_product(sum[v], V::load(a.data() + at), V::load(b.data() + at));
      }
    }
    for (int v = 0; v < Group; ++v) V::store(sums.data() + first + v * Lanes, sum[v]);
  }
  return sums;
}

}  // namespace

TEST_CASE_TEMPLATE("Simd: sums of products have the same bits in vectors of each width, alone and in groups", T, float,
                   double) {
  const Tensor<T> a = testing::random_tensor<T>(Shape{terms * columns}, 1);
  const Tensor<T> b = testing::random_tensor<T>(Shape{terms * columns}, 2);
  const std::vector<T> expected = sums_of_products<1, 1>(a, b);
  CHECK(sums_of_products<1, 3>(a, b) == expected);
  constexpr int native = native_lanes<T>, narrow = std::max(1, native / 4);
  CHECK(sums_of_products<narrow, 1>(a, b) == expected);
  CHECK(sums_of_products<narrow, 3>(a, b) == expected);
  CHECK(sums_of_products<native / 2, 1>(a, b) == expected);
  CHECK(sums_of_products<native / 2, 2>(a, b) == expected);
  CHECK(sums_of_products<native, 1>(a, b) == expected);
  CHECK(sums_of_products<native, 3>(a, b) == expected);
  long double first = 0;
  for (int k = 0; k < terms; ++k) first += static_cast<long double>(a[k * columns]) * b[k * columns];
  CHECK(std::abs(static_cast<double>(first - expected[0])) <= (sizeof(T) == 4 ? 1e-5 : 1e-14));
}

TEST_CASE_TEMPLATE("Simd: load, store, broadcast, iota and sum", T, float, double) {
  using V = Simd<T, 2>;
  const std::array<T, 2> values = {2, 3};
  std::array<T, 2> stored{};
  V::store(stored.data(), V::load(values.data()) * V::broadcast(T(5)));
  CHECK(stored == std::array<T, 2>{10, 15});
  CHECK(V::sum(V::load(values.data())) == 5);
  V::store(stored.data(), V::iota());
  CHECK(stored == std::array<T, 2>{0, 1});
}

TEST_CASE_TEMPLATE("Simd: transposition", T, float, double) {
  const auto check_lanes = []<int Lanes>() {
    using V = Simd<T, Lanes>;
    typename V::Vector rows[Lanes];
    for (int i = 0; i < Lanes; ++i) rows[i] = V::iota() + V::broadcast(static_cast<T>(i * Lanes));
    V::transpose(rows);
    for (int i = 0; i < Lanes; ++i) {
      T got[Lanes];
      V::store(got, rows[i]);
      for (int lane = 0; lane < Lanes; ++lane) CHECK(got[lane] == static_cast<T>(lane * Lanes + i));
    }
  };
  check_lanes.template operator()<1>();
  check_lanes.template operator()<2>();
  check_lanes.template operator()<16 / static_cast<int>(sizeof(T))>();
  check_lanes.template operator()<native_lanes<T>>();
}

TEST_CASE_TEMPLATE("Simd: sums of several vectors have the bits of each one's sum", T, float, double) {
  const auto check = []<int Lanes, int Count>() {
    using V = Simd<T, Lanes>;
    Random random(Lanes + 100 * Count);
    typename V::Vector v[Count];
    T expected[Count], got[Count];
    for (int i = 0; i < Count; ++i) {
      T lanes[Lanes];
      for (T& lane : lanes) lane = static_cast<T>(random.normal());
      v[i] = V::load(lanes);
      expected[i] = V::sum(v[i]);
    }
    V::sums(v, got);
    for (int i = 0; i < Count; ++i) CHECK(got[i] == expected[i]);
  };
  const auto check_counts = [&]<int Lanes>() {
    check.template operator()<Lanes, 1>();
    check.template operator()<Lanes, 2>();
    check.template operator()<Lanes, 3>();
    check.template operator()<Lanes, 4>();
    check.template operator()<Lanes, 7>();  // more than some vectors have lanes
  };
  check_counts.template operator()<1>();
  check_counts.template operator()<2>();
  check_counts.template operator()<4>();
  check_counts.template operator()<native_lanes<T>>();
}

TEST_CASE("Simd: the last lanes stay, those before are 0 whatever they held") {
  using S = kernels::Simd<float, 4>;
  const float values[4] = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -3, 4};
  for (Index count = 0; count <= 2; ++count) {
    float got[4];
    S::store(got, S::last_lanes(S::load(values), count));
    for (Index lane = 0; lane < 4; ++lane) CHECK(got[lane] == (lane < 4 - count ? 0 : values[lane]));
  }
}

TEST_CASE_TEMPLATE("with_lanes_for: whole vectors, quarters of them or single values, the most that a run fills", T,
                   float, double) {
  for (Index length = 1; length <= 40; ++length) {
    int expected = 1;
    for (const int lanes : {native_lanes<T> / 4, native_lanes<T>}) {
      if (lanes > 0 && length >= lanes) expected = lanes;
    }
    int chosen = 0;
    with_lanes_for<T>(length, [&]<int Lanes>() { chosen = Lanes; });
    CHECK(chosen == expected);
  }
}

TEST_CASE("with_power_of_two: the least that is not below the count, at most the largest") {
  for (Index count = 1; count <= 20; ++count) {
    int got = 0;
    with_power_of_two<8>(count, [&]<int Lanes>() { got = Lanes; });
    CHECK(got == (count == 1 ? 1 : count == 2 ? 2 : count <= 4 ? 4 : 8));
  }
}

TEST_CASE("with_count: the wanted number, at most the largest") {
  for (const Index wanted : {1, 2, 3, 4, 9}) {
    Index got = 0;
    with_count<4>(wanted, [&]<int Count>() { got = Count; });
    CHECK(got == std::min<Index>(wanted, 4));
  }
}

TEST_CASE("for_each_group: cuts a range into groups that differ by one at most") {
  for (Index count = 0; count <= 20; ++count) {
    Index next = 0, smallest = 4, largest = 0, groups = 0;
    for_each_group<4>(count, [&]<int Size>(Index first) {
      CHECK(first == next);
      next += Size;
      smallest = std::min<Index>(smallest, Size);
      largest = std::max<Index>(largest, Size);
      ++groups;
    });
    CHECK(next == count);
    CHECK(groups == (count + 3) / 4);
    CHECK(largest <= smallest + 1);
  }
}

TEST_CASE("for_each_vector_group: covers a run, and keeps overlapping vectors in one group") {
  constexpr int lanes = 4;
  for (Index length = lanes; length <= 60; ++length) {
    std::vector<int> group_of(static_cast<std::size_t>(length), -1);
    int group = 0;
    for_each_vector_group<3, lanes>(length, [&]<int Vectors>(const Index(&at)[Vectors]) {
      for (const Index start : at) {
        for (Index i = start; i < start + lanes; ++i) {
          int& owner = group_of.at(static_cast<std::size_t>(i));
          CHECK((owner == -1 || owner == group));
          owner = group;
        }
      }
      ++group;
    });
    for (const int owner : group_of) CHECK(owner >= 0);
  }
}
