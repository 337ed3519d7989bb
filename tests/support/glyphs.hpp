#pragma once

#include "hypertape/data/glyphs.hpp"
#include "hypertape/nn/mlp.hpp"
#include "hypertape/nn/network.hpp"

namespace hypertape::testing {

/// A drawn dataset of this many images to train on and to test with, drawn once for all tests.
template <Index Train, Index Test>
const data::Dataset& glyphs() {
  static const data::Dataset dataset = data::generate_glyphs(Train, Test, 1);
  return dataset;
}

/// A network for it that learns in moments.
inline nn::Network<float> glyph_network() { return {"linear", nn::Mlp({784, 10})}; }

}  // namespace hypertape::testing
