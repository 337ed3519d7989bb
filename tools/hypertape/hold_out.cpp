#include "hold_out.hpp"

#include <algorithm>

#include "hypertape/distill/batches.hpp"
#include "hypertape/distill/hold_out.hpp"

namespace hypertape::cli {

using hypertape::detail::concat;
namespace {

/// Whether the pool may have been trained on some of these images although its data differ: the same files, but split
/// or selected in another way.
bool may_share_images(const Json& pool, const data::Dataset& dataset) {
  if (data::dataset_files(pool.value("dataset", "")) != data::dataset_files(dataset.name)) return false;
  return dataset.name != "folder" || pool.value("data", Json()) == description_of(dataset)["data"];
}

}  // namespace

HoldOut choose_hold_out(const char* option, std::optional<Index>& count, const data::Dataset& dataset,
                        const InitializationOptions& initialization, std::uint64_t seed) {
  const Index images = dataset.train.count;
  HoldOut chosen{0, seed, false};
  Index most = images - 1;
  if (initialization.pooled()) {
    const std::string pool = "--pool " + initialization.pool_folder().string();
    const Json config = initialization.pool_config();
    const bool same = config.value("data_checksum", Json()) == data::checksum_of(dataset);
    const Index unseen = same ? config.value("hold_out", Index{0}) : 0;
    if (unseen > 0) {
      chosen.seed = config.at("seed");
      most = unseen;
      if (count && *count > most) {
        throw ArgumentError(option, ' ', *count, ": ", pool, " was trained on all but ", unseen, " of the ", images,
                            " training images; at most these can be held out");
      }
    } else if (same || may_share_images(config, dataset)) {
      chosen.seen = true;
      std::cerr << "hypertape: " << pool << ": its networks "
                << (same ? "were trained on all training images, held-out ones included"
                         : "may have seen images that are held out or tested here")
                << ": scores also reflect memorized images; `hypertape pretrain` on these data, with --hold-out, makes "
                   "a pool that has not seen them\n";
    }
  }
  if (images < 2) throw ArgumentError(option, ": a single training image cannot be both held out and trained on");
  if (!count) count = std::min(most, distill::default_hold_out(images));
  if (*count > most) {
    throw ArgumentError(option, ' ', *count, ": of ", images, " training images, 1 to ", most,
                        " can be held out; without ", option, " it is ", distill::default_hold_out(images));
  }
  chosen.count = *count;
  return chosen;
}

void choose_batch(std::optional<Index>& batch, Index most, Index hold_out, Index images) {
  const Index rest = images - hold_out;
  if (!batch) batch = std::min(most, rest);
  if (*batch > rest) {
    throw ArgumentError("--batch ", *batch, ": ", hold_out, " of ", images,
                        " training images are held out, which leaves ", rest, " for a batch");
  }
}

std::string class_name(const data::Dataset& dataset, std::size_t k) {
  return dataset.class_names.empty() ? concat(k) : dataset.class_names[k];
}

void require_of_each_class(const data::Dataset& dataset, std::span<const Index> which, std::span<const Index> wanted,
                           const std::string& what) {
  const std::vector<Index> sizes = distill::class_sizes(dataset.train, which);
  for (std::size_t k = 0; k < sizes.size(); ++k) {
    if (sizes[k] >= wanted[k]) continue;
    const bool all = static_cast<Index>(which.size()) == dataset.train.count;
    throw ArgumentError(what, ": class ", class_name(dataset, k), " has ", sizes[k],
                        all ? " training images, " : " training images besides those held out, ", wanted[k],
                        " are needed");
  }
}

std::string sizes_text(Index images, Index hold_out, Index batch) {
  return concat(images, " training images, ", hold_out, " of them held out, batches of ", batch);
}

}  // namespace hypertape::cli
