#pragma once

#include "hypertape/distill/distill_options.hpp"
#include "network.hpp"

namespace hypertape::cli {

/// For a folder of pictures that nobody has given options for: a network, steps and a schedule that fit them. Leaves
/// alone what is on the command line; says what it chooses, and why.
void choose_for_own_pictures(const data::Dataset& dataset, const Options& options, NetworkOptions& network,
                             distill::DistillOptions& distill);

}  // namespace hypertape::cli
