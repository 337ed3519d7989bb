#pragma once

#include <algorithm>

#include "hypertape/kernels/conv2d_panel.hpp"
#include "hypertape/kernels/output_mode.hpp"
#include "hypertape/kernels/transpose.hpp"

/// The weight gradient of a convolution. For each output channel o and tap (c, ky, kx) it is
///
///     dw[o][tap]  =  start + sum over y, j of  dout[o][y][j] * panel[tap][y][j]
///
/// where j runs over the samples and columns of an output row, and the tap's values come from a panel of the input
/// (conv2d_panel.hpp). The sums over a strip of positions stay in registers for a group of taps and some output
/// channels. They are then added to a table of sums, which stays in a cache. So a strip is read from the nearest cache
/// for all taps, and summing in two levels keeps rounding errors small. The strips depend only on the sizes.
///
/// There are two forms. With lanes over output channels, dout is transposed, and each value of the input serves a
/// vector of channels. With lanes over positions, vectors of both are multiplied and the lanes are added up at the end.
/// The second form is for few output channels, which would not fill a vector, and for few taps, for which transposing
/// does not pay off.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"  // g++ warns about array bounds that are int template parameters

namespace hypertape::inline HYPERTAPE_ABI::kernels::conv2d_detail {

/// A tap of a panel; `step` goes through all taps. Channels are innermost, so the taps of a group mostly reach the
/// image at the same positions, and the other positions can be skipped.
struct TapPlace {
  Index c = 0;        ///< input channel, counted from the panel's first
  Index ky = 0;       ///< row of the kernel
  Index kx = 0;       ///< column of the kernel
  Index residue = 0;  ///< the column modulo the stride
  Index q = 0;        ///< the column divided by the stride

  /// The next tap of a panel of `channels` channels.
  void step(const Correlation& g, Index channels) {
    if (++c < channels) return;
    c = 0, ++kx, ++residue;
    if (residue == g.stride) residue = 0, ++q;
    if (kx == g.KX) kx = 0, residue = 0, q = 0, ++ky;
  }
};

/// Positions of the output, counted from the panel's first row.
struct Strip {
  Range rows;     ///< rows of the output
  Range columns;  ///< values within each row
};

/// The part of a strip where taps `first` to `last` reach the image, or slightly more. `row` is the panel's first row.
inline Strip strip_inside(const Correlation& g, const TapPlace& first, const TapPlace& last, Index row,
                          const Strip& strip) {
  const auto parts = [&](Index length) {
    return length <= 0 ? 0 : g.stride == 1 ? length : parts_of(length, g.stride);
  };
  const auto inside = [&](Index size, Index least, Index most, Index count) {  // stride p + least .. most within size
    const Index begin = parts(-most), end = parts(size - least);
    return Range{(std::min)(begin, count), (std::min)(end, count)};
  };
  const bool one_row = first.ky == last.ky;
  const Range rows = inside(g.H, first.ky + g.top + row * g.stride, last.ky + g.top + row * g.stride, g.OH - row);
  const Range columns = inside(g.W, (one_row ? first.kx : 0) + g.left, (one_row ? last.kx : g.KX - 1) + g.left, g.OW);
  const auto both = [](const Range& a, const Range& b) {
    return Range{(std::max)(a.begin, b.begin), (std::min)(a.end, b.end)};
  };
  return {both(rows, strip.rows), both({columns.begin * g.N, columns.end * g.N}, strip.columns)};
}

/// How the weight gradient cuts its work.
template <class T>
struct WeightGradientPlan {
  PanelLayout<T> panel;  ///< the layout of the input's panels
  bool transposed;       ///< whether lanes run over output channels
  Index strips;          ///< strips in a row of the output, if a panel has one row
  int vectors;           ///< if transposed: vectors of output channels in registers, at most
  int taps;              ///< taps in a group, at most
};

/// The form with lanes over positions: at most this many taps in a group, and this many output channels in a block.
inline constexpr int dot_taps = HYPERTAPE_VECTOR_BYTES == 64 ? 6 : 4;
inline constexpr int dot_outputs = HYPERTAPE_VECTOR_BYTES == 64 ? 4 : 3;

template <class T>
WeightGradientPlan<T> weight_gradient_plan(const Correlation& g) {
  constexpr bool many = HYPERTAPE_VECTOR_BYTES == 64;
  constexpr Index lanes = native_lanes<T>;
  WeightGradientPlan<T> plan{};
  const Index vectors = parts_of(g.O, lanes);
  plan.transposed = 4 * g.O >= 3 * lanes && g.C * g.taps() >= 96;
  plan.vectors = static_cast<int>((std::min)(vectors, Index{many ? 4 : 2}));
  plan.taps = !plan.transposed ? dot_taps : plan.vectors == (many ? 4 : 2) ? 6 : 8;
  const Index strip = plan.transposed ? 512 : 8192 / static_cast<Index>(sizeof(T));
  const Index rows = std::clamp<Index>(strip / g.row(), 1, g.OH);
  // Use whole groups of channels, so that the taps of most groups reach the image at the same positions.
  const Index channels = 128 * 1024 / static_cast<Index>(sizeof(T)) / layout_by_rows<T>(g, rows, 1).size();
  plan.panel = layout_by_rows<T>(
      g, rows, std::clamp<Index>(channels / plan.taps * plan.taps, (std::min)(Index{plan.taps}, g.C), g.C));
  plan.strips = rows == 1 && plan.transposed ? parts_of(g.row(), strip) : 1;
  return plan;
}

/// Adds a strip's products to sums[t][lane] for Vectors * Lanes channels of `Count` taps, starting from zero if
/// `fresh`.
template <int Lanes, int Vectors, int Count, class T>
void add_transposed(const T* dout, Index width, const T* const (&x)[Count], Index row_step, Index row, Strip strip,
                    bool fresh, T* sums) {
  using V = Simd<T, Lanes>;
  typename V::Vector sum[Count][Vectors];
#pragma GCC unroll 8
  for (int t = 0; t < Count; ++t) {
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) sum[t][v] = typename V::Vector{};
  }
  for (Index y = strip.rows.begin; y < strip.rows.end; ++y) {
    const T* at[Count];
    for (int t = 0; t < Count; ++t) at[t] = x[t] + y * row_step;
    const T* d = dout + (y * row + strip.columns.begin) * width;
    for (Index j = strip.columns.begin; j < strip.columns.end; ++j, d += width) {
      typename V::Vector gradient[Vectors];
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) {
        gradient[v] = V::load(d + v * Lanes);
        V::keep_in_register(gradient[v]);
      }
#pragma GCC unroll 8
      for (int t = 0; t < Count; ++t) {
        const auto value = V::broadcast(at[t][j]);
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) V::add_product(sum[t][v], value, gradient[v]);
      }
    }
  }
#pragma GCC unroll 8
  for (int t = 0; t < Count; ++t) {
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
      T* to = sums + (t * Vectors + v) * Lanes;
      V::store(to, fresh ? sum[t][v] : V::load(to) + sum[t][v]);
    }
  }
}

/// Adds a strip's products for `Outputs` channels and `Count` taps to sums[o][t][lane], lane by lane, starting from
/// zero if `fresh`. The last vector of a row overlaps the one before, and the lanes they share are masked.
template <int Lanes, int Outputs, int Count, class T>
void add_dots(const T* dout, Index plane, const T* const (&x)[Count], Index row_step, Index row, Strip strip,
              const T* next, bool fresh, T* sums) {
  using V = Simd<T, Lanes>;
  typename V::Vector sum[Outputs][Count];
#pragma GCC unroll 4
  for (int o = 0; o < Outputs; ++o) {
#pragma GCC unroll 8
    for (int t = 0; t < Count; ++t) sum[o][t] = typename V::Vector{};
  }
  const Index begin = strip.columns.begin / Lanes * Lanes, end = strip.columns.end;
  for (Index y = strip.rows.begin; y < strip.rows.end; ++y) {
    const T* at[Count];
    for (int t = 0; t < Count; ++t) at[t] = x[t] + y * row_step;
    const T* d = dout + y * row;
    const auto step = [&](Index j, bool masked) HYPERTAPE_ALWAYS_INLINE_LAMBDA {
      __builtin_prefetch(next + y * row + j, 0, 2);
      typename V::Vector gradient[Outputs];
#pragma GCC unroll 4
      for (int o = 0; o < Outputs; ++o) {
        gradient[o] = V::load(d + o * plane + j);
        if (masked) gradient[o] = V::last_lanes(gradient[o], row % Lanes);
        V::keep_in_register(gradient[o]);
      }
#pragma GCC unroll 8
      for (int t = 0; t < Count; ++t) {
        auto value = V::load(at[t] + j);
        if (masked) value = V::last_lanes(value, row % Lanes);
        V::keep_in_register(value);
#pragma GCC unroll 4
        for (int o = 0; o < Outputs; ++o) V::add_product(sum[o][t], gradient[o], value);
      }
    };
    Index j = begin;
    for (; j < end && j + Lanes <= row; j += Lanes) step(j, false);
    if (j < end) step(row - Lanes, true);
  }
#pragma GCC unroll 4
  for (int o = 0; o < Outputs; ++o) {
#pragma GCC unroll 8
    for (int t = 0; t < Count; ++t) {
      T* to = sums + (o * Count + t) * Lanes;
      V::store(to, fresh ? sum[o][t] : V::load(to) + sum[o][t]);
    }
  }
}

/// Values of scratch for `correlate_weight`, for any range of channels: the panel, the strip's transposed dout and the
/// table of sums.
template <class T>
Index correlate_weight_scratch(const Correlation& g) {
  const auto plan = weight_gradient_plan<T>(g);
  constexpr Index lanes = native_lanes<T>;
  const Index padded = round_up(g.O, lanes);
  const Index dout = plan.transposed ? plan.panel.rows * g.row() * padded : 0;
  return whole_lines<T>(plan.panel.size()) + whole_lines<T>(dout) +
         (plan.transposed ? padded : g.O * lanes) * g.C * g.taps();
}

/// Calls body<Count>(first tap, pointers into the panel, strip) for groups of at most Most taps of a panel with
/// `channels` channels whose first row is row `row` of the output.
template <int Most, class T, class Body>
void for_each_tap_group(const Correlation& g, const PanelLayout<T>& p, Index channels, Index row, const Strip& strip,
                        const T* panel, const Body& body) {
  TapPlace tap;
  for_each_group<Most>(channels * g.taps(), [&]<int Count>(Index first) {
    const T* x[Count];
    const TapPlace begin = tap;
    TapPlace last;
    for (int t = 0; t < Count; ++t, tap.step(g, channels)) {
      last = tap;
      x[t] =
          panel + tap.c * p.channel_step + tap.ky * p.row_step + tap.residue * p.residue_step + tap.q * p.column_step;
    }
    body.template operator()<Count>(first, x, strip_inside(g, begin, last, row, strip));
  });
}

/// Computes output channels `outputs` of a correlation's weight gradient (O, C, KY, KX).
template <class T>
void correlate_weight(const Correlation& g, Range outputs, const T* dout, const T* in, OutputMode mode, T* dweight,
                      T* scratch) {
  const auto plan = weight_gradient_plan<T>(g);
  const PanelLayout<T>& p = plan.panel;
  T* panel = scratch;
  T* strip_dout = panel + whole_lines<T>(p.size());
  constexpr int native = native_lanes<T>, widest = HYPERTAPE_VECTOR_BYTES == 64 ? 4 : 2;
  const Index vectors = parts_of(outputs.size(), native), padded = vectors * native;
  T* sums = strip_dout + (plan.transposed ? whole_lines<T>(p.rows * g.row() * round_up(g.O, native)) : 0);
  const auto start = [&](T& to) { return mode == OutputMode::accumulate ? to : T(0); };
  const auto weight_of = [&](Index o, Index c, const TapPlace& tap) -> T& {
    return dweight[((o * g.C + c + tap.c) * g.KY + tap.ky) * g.KX + tap.kx];
  };

  const auto each_panel = [&](const auto& body) {
    for (Index b = 0; b < p.blocks; ++b) {
      const Range rows = hypertape::detail::part_of(g.OH, b, p.blocks);
      for (Index c = 0; c < g.C; c += p.channels) {
        const Index channels = (std::min)(p.channels, g.C - c);
        pack(g, p, {c, c + channels}, rows, in, panel);
        body(rows, c, channels);
      }
    }
  };

  if (plan.transposed) {
    each_panel([&](Range rows, Index c, Index channels) {
      if (c == 0) {
        const Index length = rows.size() * g.row();
        transpose_matrix(outputs.size(), length, dout + outputs.begin * g.plane() + rows.begin * g.row(), g.plane(),
                         strip_dout, padded);
        for (Index j = 0; j < length; ++j) {  // zero the last vector's lanes beyond the last channel
          std::fill(strip_dout + j * padded + outputs.size(), strip_dout + (j + 1) * padded, T(0));
        }
      }
      for (Index s = 0; s < plan.strips; ++s) {
        const Strip strip = {{0, rows.size()}, hypertape::detail::part_of(g.row(), s, plan.strips)};
        for_each_group<widest>(vectors, [&]<int Vectors>(Index v) {
          const auto groups = [&]<int Most>() {
            for_each_tap_group<Most>(
                g, p, channels, rows.begin, strip, panel,
                [&]<int Count>(Index first, const T* const(&x)[Count], const Strip& inside) {
                  add_transposed<native, Vectors, Count>(
                      strip_dout + v * native, padded, x, g.pitch() * p.row_step, g.row(), inside,
                      rows.begin == 0 && s == 0,
                      sums + (c * g.taps() * vectors + channels * g.taps() * v + first * Vectors) * native);
                });
          };
          if (plan.taps == 6) return groups.template operator()<6>();
          if constexpr (Vectors < 4 && (Vectors < 2 || widest == 4)) groups.template operator()<8>();
        });
      }
    });
    for (Index c = 0; c < g.C; c += p.channels) {
      const Index channels = (std::min)(p.channels, g.C - c);
      for_each_group<widest>(vectors, [&]<int Vectors>(Index v) {
        const T* table = sums + (c * g.taps() * vectors + channels * g.taps() * v) * native;
        for (Index o = v * native; o < (std::min)((v + Vectors) * native, outputs.size()); ++o) {
          TapPlace tap;
          for (Index i = 0; i < channels * g.taps(); ++i, tap.step(g, channels)) {
            T& to = weight_of(outputs.begin + o, c, tap);
            to = start(to) + table[i * Vectors * native + o - v * native];
          }
        }
      });
    }
    return;
  }

  with_lanes_for<T>(g.row(), [&]<int Lanes>() {
    each_panel([&](Range rows, Index c, Index channels) {
      const Strip strip = {{0, rows.size()}, {0, g.row()}};
      for_each_group<dot_outputs>(outputs.size(), [&]<int Outputs>(Index o) {
        for_each_tap_group<dot_taps>(
            g, p, channels, rows.begin, strip, panel,
            [&]<int Count>(Index first, const T* const(&x)[Count], const Strip& inside) {
              add_dots<Lanes, Outputs, Count>(
                  dout + (outputs.begin + o) * g.plane() + rows.begin * g.row(), g.plane(), x, g.pitch() * p.row_step,
                  g.row(), inside,
                  dout + (std::min)(outputs.begin + o + Outputs + first / Count, g.O - 1) * g.plane() +
                      rows.begin * g.row(),
                  rows.begin == 0,
                  sums + (c * g.taps() * outputs.size() + channels * g.taps() * o + first * Outputs) * Lanes);
            });
      });
    });
    for (Index c = 0; c < g.C; c += p.channels) {
      const Index channels = (std::min)(p.channels, g.C - c);
      for_each_group<dot_outputs>(outputs.size(), [&]<int Outputs>(Index block) {
        TapPlace tap;
        for_each_group<dot_taps>(channels * g.taps(), [&]<int Count>(Index first) {
          const T* table =
              sums + (c * g.taps() * outputs.size() + channels * g.taps() * block + first * Outputs) * Lanes;
          for (int t = 0; t < Count; ++t, tap.step(g, channels)) {
            for (int o = 0; o < Outputs; ++o) {
              T& to = weight_of(outputs.begin + block + o, c, tap);
              to = start(to) + Simd<T, Lanes>::sum(Simd<T, Lanes>::load(table + (o * Count + t) * Lanes));
            }
          }
        });
      });
    }
  });
}

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels::conv2d_detail

#pragma GCC diagnostic pop
