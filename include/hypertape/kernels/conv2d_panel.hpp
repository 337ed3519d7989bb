#pragma once

#include <algorithm>

#include "hypertape/kernels/conv2d_geometry.hpp"
#include "hypertape/kernels/simd.hpp"

/// The input of a convolution, copied into a panel that fits a cache and that register blocks walk in constant steps.
///
/// In memory, the channels of an image are a whole plane apart, often a multiple of the cache's set stride, so that
/// the lines of a few channels evict each other. A panel holds, contiguously, the rows that a few rows of the output
/// need, for a few channels; one copy serves all output channels. The copy adds the zeros of the padding. For stride s
/// it also sorts columns by their remainder modulo s, which makes the columns that a tap reads neighbors at any stride.
namespace hypertape::inline HYPERTAPE_ABI::kernels::conv2d_detail {

/// The number of parts of at most `most` into which `count` >= 0 is cut; does not overflow.
inline Index parts_of(Index count, Index most) { return count / most + (count % most == 0 ? 0 : 1); }
/// `count` rounded up to a multiple.
inline Index round_up(Index count, Index multiple) { return parts_of(count, multiple) * multiple; }
/// `count` values rounded up to whole cache lines.
template <class T>
Index whole_lines(Index count) {
  return round_up(count, 64 / static_cast<Index>(sizeof(T)));
}

/// A correlation, out[o][y][x] = sum over c, ky, kx of w[o][c][ky][kx] in[c][stride y + ky + top][stride x + kx +
/// left], for each of N samples; `in` is zero outside the image.
struct Correlation {
  Index N;       ///< samples
  Index C;       ///< input channels
  Index H;       ///< rows of the image
  Index W;       ///< columns of the image
  Index O;       ///< output channels
  Index OH;      ///< rows of the output
  Index OW;      ///< columns of the output
  Index KY;      ///< rows of the kernel
  Index KX;      ///< columns of the kernel
  Index stride;  ///< positions from one output to the next
  Index top;     ///< image row that the kernel's first row reads for the output's first row; negative in the padding
  Index left;    ///< the same for columns

  /// Panel rows from those of one output row to those of the next; a panel leaves out the rows that no kernel reads.
  Index pitch() const { return (std::min)(stride, KY); }
  /// Values of one row of the output.
  Index row() const { return N * OW; }
  /// Values of one channel of the output.
  Index plane() const { return OH * row(); }
  /// Taps of one input channel.
  Index taps() const { return KY * KX; }
};

/// Copies `count` columns of a row of `W`, starting at `first` in steps of `step`. Columns outside the image are zeros,
/// and all columns are if the row is null. Each column has N samples.
template <class T>
void copy_columns(const T* row, Index N, Index W, Index first, Index step, Index count, T* to) {
  const auto inside = [&](Index columns) {  // how many of the copied columns lie before this one
    return columns > first ? (std::min)(parts_of(columns - first, step), count) : Index{0};
  };
  const Index begin = row == nullptr ? count : inside(0), end = row == nullptr ? count : inside(W);
  std::fill_n(to, begin * N, T(0));
  if (step == 1) {
    if (begin < end) std::copy_n(row + (first + begin) * N, (end - begin) * N, to + begin * N);
  } else {
    for (Index j = begin; j < end; ++j) {
      const T* from = row + (first + j * step) * N;
      for (Index n = 0; n < N; ++n) to[j * N + n] = from[n];
    }
  }
  std::fill_n(to + end * N, (count - end) * N, T(0));
}

/// How panels are cut and laid out. The value for output position j (of a run of positions), channel c, kernel row ky
/// and column kx = residue + stride * q is at
///
///     j + c * channel_step + ky * row_step + residue * residue_step + q * column_step
///
/// Where a row of the output fills registers badly, a run covers several rows and the panel is `flat`: each tap's
/// values are contiguous (im2col), so that no vector ends within a run.
template <class T>
struct PanelLayout {
  bool flat;           ///< whether a run is all rows of a panel rather than one row
  Index blocks;        ///< number of panels that share the rows of the output
  Index rows;          ///< rows of the output in a panel, at most
  Index channels;      ///< input channels in a panel, at most
  Index residues;      ///< distinct remainders of columns modulo the stride
  Index image_rows;    ///< rows of the image in a panel, at most
  Index channel_step;  ///< see above
  Index row_step;      ///< see above
  Index residue_step;  ///< see above
  Index column_step;   ///< see above

  /// Values of a panel.
  Index size() const { return image_rows * row_step; }
};

/// How many times as many vectors a run takes as full vectors would, using the widest that fit; 1 is ideal.
template <class T>
double waste_of_run(Index length) {
  constexpr Index native = native_lanes<T>, narrow = (std::max)(1, native_lanes<T> / 4);
  const Index lanes = length >= native ? native : length >= narrow ? narrow : 1;
  return static_cast<double>(parts_of(length, lanes) * native) / static_cast<double>(length);
}

/// Whether rows of the output fill registers so much worse than whole planes that copying each tap pays off.
template <class T>
bool flat_runs(const Correlation& g) {
  constexpr double copy = 4;  // copying one vector takes as long as this many multiply-adds
  return static_cast<double>(g.O) * (waste_of_run<T>(g.row()) - waste_of_run<T>(g.plane())) > copy;
}

/// The layout with runs of one row, at most `rows` of them in a panel, and `channels` channels.
template <class T>
PanelLayout<T> layout_by_rows(const Correlation& g, Index rows, Index channels) {
  PanelLayout<T> p{};
  p.blocks = parts_of(g.OH, rows);
  p.rows = parts_of(g.OH, p.blocks);
  p.channels = channels;
  p.residues = (std::min)(g.stride, g.KX);
  p.image_rows = (p.rows - 1) * g.pitch() + g.KY;
  p.column_step = g.N;
  p.residue_step = g.N * (g.OW + parts_of(g.KX, g.stride) - 1);
  const Index line = whole_lines<T>(1);  // steps of an odd number of lines let channels use all cache sets
  p.channel_step = (parts_of(p.residues * p.residue_step, line) | 1) * line;
  p.row_step = channels * p.channel_step;
  return p;
}

/// The layout with one run of several rows, for register blocks of `vectors` vectors.
template <class T>
PanelLayout<T> layout_by_taps(const Correlation& g, Index vectors, Index channels) {
  PanelLayout<T> p{};
  p.flat = true;
  p.blocks = (std::max)(Index{1}, g.OH / parts_of(2 * vectors * native_lanes<T>, g.row()));
  p.rows = parts_of(g.OH, p.blocks);
  p.channels = channels;
  p.residues = 1;
  p.image_rows = g.KY;
  p.channel_step = p.rows * g.row();
  p.column_step = channels * p.channel_step;
  p.row_step = g.KX * p.column_step;
  return p;
}

/// The layout for register blocks that read `vectors` vectors of a run for all output channels.
template <class T>
PanelLayout<T> panel_layout(const Correlation& g, Index vectors) {
  constexpr Index walk = 96 * 1024 / static_cast<Index>(sizeof(T));  // about as many values as one register block reads
  constexpr Index panel = 256 * 1024 / static_cast<Index>(sizeof(T));  // values that fit a second-level cache
  const Index block = vectors * native_lanes<T>;
  const auto even = [&](Index most) { return parts_of(g.C, parts_of(g.C, (std::max)(Index{1}, most))); };
  if (flat_runs<T>(g)) return layout_by_taps<T>(g, vectors, even(walk / (g.taps() * block)));
  Index channels = walk / (g.KY * ((std::min)(g.stride, g.KX) * block + g.KX * g.N));
  const Index row = layout_by_rows<T>(g, 1, 1).row_step;
  // Neighboring panels each copy the rows that they share. With few output channels this counts, so use many rows.
  if (g.O < 12) channels = (std::min)(channels, panel / (3 * g.KY * row));
  channels = even(channels);
  return layout_by_rows<T>(g, std::clamp<Index>((panel / (channels * row) - g.KY) / g.pitch() + 1, 1, g.OH), channels);
}

/// Fills a panel with what rows `rows` of the output need from channels `channels` of the input.
template <class T>
void pack(const Correlation& g, const PanelLayout<T>& p, Range channels, Range rows, const T* in, T* panel) {
  const auto row_of = [&](Index c, Index y) { return y < 0 || y >= g.H ? nullptr : in + (c * g.H + y) * g.N * g.W; };
  for (Index c = channels.begin; c < channels.end; ++c, panel += p.channel_step) {
    if (p.flat) {
      for (Index ky = 0; ky < g.KY; ++ky) {
        for (Index kx = 0; kx < g.KX; ++kx) {
          T* to = panel + ky * p.row_step + kx * p.column_step;
          for (Index y = rows.begin; y < rows.end; ++y, to += g.row()) {
            copy_columns(row_of(c, y * g.stride + ky + g.top), g.N, g.W, kx + g.left, g.stride, g.OW, to);
          }
        }
      }
      continue;
    }
    const Index pitch = g.pitch(), columns = p.residue_step / g.N;
    for (Index line = 0; line < (rows.size() - 1) * pitch + g.KY; ++line) {
      const T* row = row_of(c, (rows.begin + line / pitch) * g.stride + line % pitch + g.top);
      for (Index r = 0; r < p.residues; ++r) {
        copy_columns(row, g.N, g.W, r + g.left, g.stride, columns, panel + line * p.row_step + r * p.residue_step);
      }
    }
  }
}

}  // namespace hypertape::inline HYPERTAPE_ABI::kernels::conv2d_detail
