#pragma once

#include "hypertape/distill/distill_options.hpp"
#include "network.hpp"

namespace hypertape::cli {

/// Chooses a network, steps and a schedule that fit a folder of pictures. Leaves options on the command line alone;
/// prints what it chooses, and why.
void choose_for_own_pictures(const data::Dataset& dataset, const Options& options, NetworkOptions& network,
                             distill::DistillOptions& distill);

}  // namespace hypertape::cli
