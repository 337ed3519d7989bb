#pragma once

#include <algorithm>

#include "hypertape/kernels/conv2d_panel.hpp"
#include "hypertape/kernels/output_mode.hpp"

/// The cross-correlation behind a convolution and its input gradient. With samples innermost, the N * OW values of one
/// channel and row of the output, a run, are contiguous. So are, in a panel (conv2d_panel.hpp), the values that one tap
/// multiplies:
///
///     out[o][run]  =  start + sum over c, ky, kx of  w[o][c][ky][kx] * panel[c][ky][kx][run]
///
/// (start is the previous output, a bias for each channel, or zero). A register block holds the sums of some output
/// channels and some vectors of the run, over the taps of one panel. The taps and the order in which they are added
/// depend only on the sizes of the correlation, so the bits of an output do not depend on which channels are computed
/// with it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"  // g++ warns about array bounds that are int template parameters

namespace hypertape::inline HYPERTAPE_ABI::kernels::conv2d_detail {

/// The sums kept in registers at a time.
struct RegisterBlock {
  int outputs;  ///< output channels
  int vectors;  ///< vectors of a run, at most
};

/// The available register block that fills up the output channels best. It does not depend on the requested range of
/// channels.
template <class T>
RegisterBlock register_block(const Correlation& g) {
  constexpr bool many = HYPERTAPE_VECTOR_BYTES == 64;  // 32 registers, not 16
  if ((flat_runs<T>(g) ? g.plane() : g.row()) < native_lanes<T>) return {4, 3};
  // If a vector is a single column, all of its taps beside the image are skipped.
  if (many && g.N % native_lanes<T> == 0 && g.O >= 12 && g.C * g.taps() >= 128) return {16, 1};
  RegisterBlock best = {1, 8};
  Index computed = g.O * 5 / 4;  // a block of one channel is bound by its loads
  for (const RegisterBlock block : {RegisterBlock{3, many ? 8 : 3}, {8, 3}, {4, many ? 6 : 3}}) {
    const Index padded = round_up(g.O, block.outputs);
    if (padded <= computed && (many || block.outputs < 8)) best = block, computed = padded;
  }
  return best;
}

/// Calls `body.template operator()<Lanes, Outputs, Vectors>()` for the correlation's register block, with vectors that
/// a run fills.
template <class T, class Body>
void with_register_block(const Correlation& g, const Body& body) {
  constexpr int native = native_lanes<T>, narrow = (std::max)(1, native / 4);
  constexpr bool many = HYPERTAPE_VECTOR_BYTES == 64;
  const Index run = flat_runs<T>(g) ? g.plane() : g.row();
  if (run < narrow) return body.template operator()<1, 4, 3>();
  if (run < native) return body.template operator()<narrow, 4, 3>();
  const RegisterBlock block = register_block<T>(g);
  if (block.outputs == 1) return body.template operator()<native, 1, 8>();
  if (block.outputs == 3) return body.template operator()<native, 3, (many ? 8 : 3)>();
  if constexpr (many) {
    if (block.outputs == 8) return body.template operator()<native, 8, 3>();
    if (block.outputs == 16) return body.template operator()<native, 16, 1>();
  }
  body.template operator()<native, 4, (many ? 6 : 3)>();
}

/// Where the sums of a register block go.
template <class T>
struct BlockOutput {
  T* out;          ///< the first channel's output
  Index plane;     ///< from one channel to the next
  Index channels;  ///< number of channels, at most the block's; the rest are computed but not stored
  const T* bias;   ///< the first channel's bias, or null
  bool add;        ///< whether to add to the previous output
};

/// Taps that a register block adds one after another; their values are a constant step apart, and so are their weights.
struct Line {
  Index x;      ///< where the first tap's values begin in the panel, relative to the run's
  Index w;      ///< index of the first tap among the packed weights
  Index count;  ///< number of taps
};

/// The taps of a panel with `channels` channels as lines, which also gives the order in which weights are packed. A
/// line holds one row and column of the kernel for all channels. With few channels, it is instead one channel's row of
/// the kernel, restricted to columns with the same remainder modulo the stride.
template <class T>
struct Lines {
  const Correlation& g;
  const PanelLayout<T>& p;
  Index channels;

  /// Whether a line is one channel.
  bool by_channel() const { return g.C < 4; }
  /// The step from a tap's values to the next tap's in its line.
  Index step() const { return by_channel() ? p.column_step : p.channel_step; }
  /// The number of kernel columns that come before the residue's.
  Index before(Index residue) const { return residue * (g.KX / p.residues) + (std::min)(residue, g.KX % p.residues); }

  /// The index of a tap's weight among the packed weights.
  Index number(Index c, Index ky, Index kx) const {
    if (!by_channel()) return (ky * g.KX + kx) * channels + c;
    return (c * g.KY + ky) * g.KX + before(kx % p.residues) + kx / p.residues;
  }

  /// Calls line(Line) for all lines with taps in rows `ky` and columns `kx` of the kernel.
  template <class Each>
  void for_each(Range ky, Range kx, const Each& line) const {
    const auto at = [&](Index c, Index y, Index x) {
      return c * p.channel_step + y * p.row_step + x % p.residues * p.residue_step + x / p.residues * p.column_step;
    };
    if (by_channel()) {
      for (Index c = 0; c < channels; ++c) {
        for (Index y = ky.begin; y < ky.end; ++y) {
          for (Index r = 0; r < p.residues; ++r) {
            const Index first = kx.begin + ((r - kx.begin) % p.residues + p.residues) % p.residues;
            const Index count = first < kx.end ? (kx.end - first - 1) / p.residues + 1 : 0;
            if (count > 0) line(Line{at(c, y, first), number(c, y, first), count});
          }
        }
      }
    } else {
      for (Index y = ky.begin; y < ky.end; ++y) {
        for (Index x = kx.begin; x < kx.end; ++x) line(Line{at(0, y, x), number(0, y, x), channels});
      }
    }
  }
};

/// Lists the lines for some rows and columns of the kernel; the list is made again only when these change.
template <class T>
class LineList {
 public:
  explicit LineList(const Lines<T>& lines) : lines_(lines) {}

  /// Calls body(list, count, first) with all lines, at most `most` per call; `first` is true in the first call.
  template <class Body>
  void for_each(Range ky, Range kx, const Body& body) {
    if (complete_ && ky.begin == rows_.begin && ky.end == rows_.end && kx.begin == columns_.begin &&
        kx.end == columns_.end) {
      return body(list_, count_, true);
    }
    rows_ = ky, columns_ = kx;
    count_ = 0;
    complete_ = true;
    lines_.for_each(ky, kx, [&](const Line& line) {
      if (count_ == most) {
        body(list_, count_, complete_);
        count_ = 0;
        complete_ = false;
      }
      list_[count_++] = line;
    });
    body(list_, count_, complete_);
  }

 private:
  static constexpr Index most = 144;  // 11 x 11 taps of three channels make 132 lines at stride 4

  Lines<T> lines_;
  Range rows_;
  Range columns_;
  Index count_ = 0;        // lines in the list
  bool complete_ = false;  // whether the list holds all lines of these rows and columns
  Line list_[most];
};

/// Computes one register block: Outputs channels x Vectors registers at offsets `at` of a run.
template <int Lanes, int Outputs, int Vectors, class T>
void correlate_block(const Line* line, Index lines, Index step, const T* panel, const T* weights,
                     const Index (&at)[Vectors], const BlockOutput<T>& to) {
  using V = Simd<T, Lanes>;
  typename V::Vector sum[Outputs][Vectors];
#pragma GCC unroll 16
  for (int o = 0; o < Outputs; ++o) {
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) {
      sum[o][v] = typename V::Vector{};
      if (o < to.channels) __builtin_prefetch(to.out + o * to.plane + at[v], 1);  // written a few hundred cycles later
    }
  }
  for (const Line* end = line + lines; line < end; ++line) {
    const T* x = panel + line->x;
    const T* w = weights + line->w * Outputs;
    for (Index count = line->count; count > 0; --count) {
      typename V::Vector value[Vectors];
#pragma GCC unroll 8
      for (int v = 0; v < Vectors; ++v) {
        value[v] = V::load(x + at[v]);
        if constexpr (Outputs > 1) V::keep_in_register(value[v]);
      }
#pragma GCC unroll 16
      for (int o = 0; o < Outputs; ++o) {
        const auto factor = V::broadcast(w[o]);
#pragma GCC unroll 8
        for (int v = 0; v < Vectors; ++v) V::add_product(sum[o][v], factor, value[v]);
      }
      x += step;
      w += Outputs;
    }
  }
#pragma GCC unroll 16
  for (int o = 0; o < Outputs; ++o) {
    if (o < to.channels) {
      T* out = to.out + o * to.plane;
#pragma GCC unroll 8
      for (int v = 0; v < Vectors; ++v) {
        if (to.add) {
          sum[o][v] += V::load(out + at[v]);
        } else if (to.bias != nullptr) {
          sum[o][v] += V::broadcast(to.bias[o]);
        }
      }
#pragma GCC unroll 8
      for (int v = 0; v < Vectors; ++v) V::store(out + at[v], sum[o][v]);
    }
  }
}

/// Packs weights in the order in which register blocks read them: by the panel's channels, then by block of Outputs
/// channels, then by tap.
template <int Outputs, class T, class WeightAt>
void pack_weights(const Correlation& g, const PanelLayout<T>& p, Range outputs, const WeightAt& weight_at, T* to) {
  for (Index first = 0; first < g.C; first += p.channels) {
    const Lines<T> lines = {g, p, (std::min)(p.channels, g.C - first)};
    for (Index block = outputs.begin; block < outputs.end; block += Outputs) {
      const Index count = (std::min)(Index{Outputs}, outputs.end - block);
      for (Index c = 0; c < lines.channels; ++c) {
        for (Index ky = 0; ky < g.KY; ++ky) {
          for (Index kx = 0; kx < g.KX; ++kx) {
            T* tap = to + lines.number(c, ky, kx) * Outputs;
            for (Index o = 0; o < count; ++o) tap[o] = weight_at(block + o, first + c, ky, kx);
            for (Index o = count; o < Outputs; ++o) tap[o] = T(0);
          }
        }
      }
      to += lines.channels * g.taps() * Outputs;
    }
  }
}

/// Values of scratch for `correlate`, for any range of channels.
template <class T>
Index correlate_scratch(const Correlation& g) {
  const RegisterBlock block = register_block<T>(g);
  const Index padded = round_up(g.O, block.outputs);
  return whole_lines<T>(panel_layout<T>(g, block.vectors).size()) + padded * g.C * g.taps();
}

/// The rows, or columns, of the kernel that fall on 0 .. size - 1 of the image for one position of the output.
inline Range taps_inside(const Correlation& g, Index size, Index taps, Index position, Index start) {
  const Index first = position * g.stride + start;
  return {std::clamp<Index>(-first, 0, taps), std::clamp<Index>(size - first, 0, taps)};
}

/// Computes channels `outputs` of a correlation; `weight_at(o, c, ky, kx)` returns the weights.
template <class T, class WeightAt>
void correlate(const Correlation& g, Range outputs, const T* in, const WeightAt& weight_at, const T* bias,
               OutputMode mode, T* out, T* scratch) {
  const PanelLayout<T> p = panel_layout<T>(g, register_block<T>(g).vectors);
  T* panel = scratch;
  T* weights = scratch + whole_lines<T>(p.size());
  with_register_block<T>(g, [&]<int Lanes, int Outputs, int Most>() {
    pack_weights<Outputs>(g, p, outputs, weight_at, weights);
    const Index padded = round_up(outputs.size(), Outputs);
    for (Index b = 0; b < p.blocks; ++b) {
      const Range rows = hypertape::detail::part_of(g.OH, b, p.blocks);
      for (Index c = 0; c < g.C; c += p.channels) {
        const Lines<T> lines = {g, p, (std::min)(p.channels, g.C - c)};
        pack(g, p, {c, c + lines.channels}, rows, in, panel);
        const T* w = weights + c * g.taps() * padded;
        LineList<T> list(lines);
        for (Index o = outputs.begin; o < outputs.end; o += Outputs, w += lines.channels * g.taps() * Outputs) {
          for (Index y = rows.begin; y < rows.end; y += p.flat ? rows.size() : 1) {
            const T* x = panel + (y - rows.begin) * g.pitch() * p.row_step;
            const BlockOutput<T> to = {out + o * g.plane() + y * g.row(), g.plane(),
                                       (std::min)(Index{Outputs}, outputs.end - o),
                                       bias == nullptr ? nullptr : bias + o, c > 0 || mode == OutputMode::accumulate};
            const Range ky = p.flat ? Range{0, g.KY} : taps_inside(g, g.H, g.KY, y, g.top);
            const auto add = [&]<int Vectors>(Range kx, const Index(&at)[Vectors]) {
              list.for_each(ky, kx, [&](const Line* line, Index count, bool first) {
                BlockOutput<T> part = to;
                part.add = to.add || !first;
                correlate_block<Lanes, Outputs, Vectors>(line, count, lines.step(), x, w, at, part);
              });
            };
            if constexpr (Most == 1) {  // a vector is one column, or a part of one
              for (Index j = 0; j < g.row(); j += Lanes) add(taps_inside(g, g.W, g.KX, j / g.N, g.left), {j});
            } else {
              for_each_vector_group<Most, Lanes>(p.flat ? rows.size() * g.row() : g.row(),
                                                 [&]<int Vectors>(const Index(&at)[Vectors]) {
                                                   add(Range{0, g.KX}, at);
                                                 });
            }
          }
        }
      }
    }
  });
}

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels::conv2d_detail

#pragma GCC diagnostic pop
