/// The extension module: the library's functions for Python. Users see them through hypertape/__init__.py.

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arrays.hpp"
#include "hypertape/core/config.hpp"
#include "hypertape/core/error.hpp"
#include "hypertape/core/parallel.hpp"
#include "hypertape/data/image_folder.hpp"
#include "hypertape/data/load_dataset.hpp"
#include "hypertape/distill/distillation.hpp"
#include "hypertape/distill/distilled_set.hpp"
#include "hypertape/distill/evaluation.hpp"
#include "hypertape/io/npz.hpp"
#include "network.hpp"
#include "options.hpp"

namespace hypertape::python {
namespace {

using data::Dataset;
using distill::DistilledSet;
using distill::Evaluation;

/// Raises Python's exceptions (hypertape/errors.py) for the library's.
void translate(std::exception_ptr thrown) {
  const auto raise = [](const char* name, const Error& error) {
    const auto text = py::reinterpret_steal<py::object>(PyUnicode_DecodeFSDefault(error.what()));  // it may name a path
    PyErr_SetObject(py::module_::import("hypertape.errors").attr(name).ptr(), text.ptr());
  };
  try {
    std::rethrow_exception(thrown);
  } catch (const ArgumentError& error) {
    raise("ArgumentError", error);
  } catch (const ShapeError& error) {
    raise("ShapeError", error);
  } catch (const DataError& error) {
    raise("DataError", error);
  } catch (const DivergenceError& error) {
    raise("DivergenceError", error);
  } catch (const Error& error) {
    raise("Error", error);
  }
}

WorkerTeam team_of(std::optional<int> threads) {
  constexpr int most = 1024;
  if (threads.value_or(0) > most) throw ArgumentError("threads: at most ", most, " are possible, got ", *threads);
  return WorkerTeam(threads.value_or(0));
}

/// Whether to continue. Runs Python's signal handlers, so that Ctrl-C raises KeyboardInterrupt, then the function, if
/// any, which returns False to stop. The caller does not hold the GIL.
template <class Call>
bool proceed(const py::object& function, const Call& call) {
  const py::gil_scoped_acquire gil;
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  return function.is_none() || call().ptr() != Py_False;
}

/// The argument of a `progress` function.
struct Progress {
  const distill::Distiller* distiller;  ///< null once the call has ended
  long iteration;
  std::optional<double> loss, score, certificate;

  const distill::BestState& best() const {
    if (distiller == nullptr) throw ArgumentError("Progress.best: the call to distill() has ended");
    return *distiller->best();
  }
};

distill::Initialization initialization(const std::string& init, const std::string& initializer, double gain) {
  if (init != "fixed" && init != "random") throw ArgumentError("init: needs one of fixed, random, got '", init, "'");
  return {init == "random", {initializer_named(initializer), gain}};
}

std::shared_ptr<DistilledSet> run_distill(const Dataset& dataset, const std::string& network_name,
                                          const distill::Initialization& initial, std::uint64_t seed,
                                          std::optional<int> threads, const DistilledSet* start,
                                          const py::object& progress, const py::dict& keywords) {
  distill::DistillOptions options;
  distill::DistillOptions::for_each_option(options, TakeKeywords{keywords});
  options.initialization = initial;
  options.seed = seed;
  const auto on_progress = [&](const distill::Progress& now) {
    return proceed(progress, [&]() -> py::object {
      const py::object seen = py::cast(Progress{&now.distiller, now.iteration, now.loss, now.score, now.certificate});
      const struct Over {
        Progress& progress;
        ~Over() { progress.distiller = nullptr; }
      } over{seen.cast<Progress&>()};
      return progress(seen);
    });
  };
  const py::gil_scoped_release no_gil;
  if (dataset.train.count == 0) throw ArgumentError("distill: the dataset has no training images");
  const nn::Network<float> network = network_named(network_name, dataset.train);
  // As in the tool: a fixed start continues with the weights that it was made for, if the network has as many.
  const auto weights = [&](distill::RandomPurpose purpose) {
    const bool given =
        start != nullptr && start->theta0 && !initial.random && start->theta0->size() == network.parameters().size();
    return given ? distill::InitialWeights({*start->theta0})
                 : distill::initial_weights(network, initial, seed, purpose);
  };
  distill::Distiller distiller(network, dataset, options, weights(distill::RandomPurpose::theta),
                               weights(distill::RandomPurpose::validation), team_of(threads),
                               start != nullptr ? std::optional(*start) : std::nullopt);
  distill::distill(distiller, on_progress);
  return std::make_shared<DistilledSet>(distiller.best()->set);
}

Evaluation run_evaluate(const DistilledSet& set, const Dataset& dataset, const std::string& network_name,
                        const distill::Initialization& initial, Index networks, std::uint64_t seed, bool shuffle,
                        bool skip_diverged, bool real_images, bool free, std::optional<int> threads,
                        const py::object& progress, const py::dict& keywords) {
  distill::EvaluateOptions options{initial, networks, shuffle, skip_diverged, seed, {}, real_images};
  if (free) distill::FreeTraining::for_each_option(options.free.emplace(), TakeKeywords{keywords});
  const auto on_progress = [&](const Evaluation& so_far) {
    return proceed(progress, [&]() -> py::object { return progress(so_far); });
  };
  const py::gil_scoped_release no_gil;
  if (dataset.test.count == 0) throw ArgumentError("evaluate: the dataset has no test images");
  if (real_images && dataset.train.count == 0) {
    throw ArgumentError("evaluate: real_images needs a dataset with training images");
  }
  if (dataset.test.classes != set.classes()) {
    throw ArgumentError("evaluate: the distilled set has ", set.classes(), " classes, the test images ",
                        dataset.test.classes);
  }
  const Shape& one = set.images.front().shape();
  if (one[1] != dataset.test.channels || one[2] != dataset.test.height || one[3] != dataset.test.width) {
    throw ShapeError("evaluate: the distilled images are ", one, ", the test images (", dataset.test.count, ", ",
                     dataset.test.channels, ", ", dataset.test.height, ", ", dataset.test.width, ")");
  }
  if (shuffle && set.steps() == 1) throw ArgumentError("evaluate: shuffle: the set has one step");
  const nn::Network<float> network = network_named(network_name, dataset.test);
  return distill::evaluate(network, set, dataset, options, on_progress, team_of(threads));
}

/// The set in a file. It tells the number of classes, unless an old version wrote it with hard labels.
std::shared_ptr<DistilledSet> load(const std::filesystem::path& path, std::optional<Index> classes) {
  const py::gil_scoped_release no_gil;
  const io::Npz npz = io::read_npz(path);
  if (!classes && npz.contains("classes")) {
    classes = io::require_values<std::int64_t>(npz, path, "classes", {1})[0];
  } else if (const auto labels = npz.find("labels");
             !classes && labels != npz.end() && labels->second.shape.size() == 3) {
    classes = labels->second.shape[2];
  }
  if (!classes)
    throw ArgumentError("load: ", path.string(), " does not tell the number of classes; pass it, as in classes=10");
  return std::make_shared<DistilledSet>(distill::from_npz(npz, path, *classes));
}

std::shared_ptr<Dataset> make_dataset(const py::object& images, const py::object& labels, const py::object& test_images,
                                      const py::object& test_labels, std::optional<int> classes,
                                      const std::optional<std::vector<float>>& mean,
                                      const std::optional<std::vector<float>>& std, const std::string& name,
                                      const std::vector<std::string>& class_names, bool channels_last) {
  auto dataset = std::make_shared<Dataset>();
  dataset->name = name;
  dataset->class_names = class_names;
  data::LabeledImages &train = dataset->train, &test = dataset->test;
  if (!images.is_none()) train = labeled_images(images, labels, channels_last, "training");
  if (!test_images.is_none()) test = labeled_images(test_images, test_labels, channels_last, "test");
  const data::LabeledImages& first = train.count > 0 ? train : test;
  if (first.count == 0) throw ArgumentError("Dataset: needs training images or test images");
  const int named = static_cast<int>(class_names.size());
  if (classes && named > 0 && *classes != named) {
    throw ArgumentError("Dataset: classes is ", *classes, ", but there are ", named, " class_names");
  }
  const int found = 1 + *std::max_element(first.labels.begin(), first.labels.end());
  train.classes = test.classes = classes.value_or(named > 0 ? named : found);
  if (mean.has_value() != std.has_value()) throw ArgumentError("Dataset: mean and std go together");
  if (mean) {
    dataset->normalization = {*mean, *std};
    data::detail::check_normalization(first, dataset->normalization, "Dataset");
  } else if (train.count > 0) {
    dataset->normalization = data::compute_normalization(train);
  }
  data::check_dataset(*dataset, "Dataset");
  return dataset;
}

template <data::LabeledImages Dataset::*part>
py::object images_view(const py::object& self) {
  const data::LabeledImages& images = self.cast<Dataset&>().*part;
  if (images.count == 0) return py::none();
  return constant_view(images.pixels, {images.count, images.channels, images.height, images.width}, self);
}
template <data::LabeledImages Dataset::*part>
py::object labels_view(const py::object& self) {
  const data::LabeledImages& images = self.cast<Dataset&>().*part;
  if (images.count == 0) return py::none();
  return constant_view(images.labels, {images.count}, self);
}
template <std::vector<float> data::Normalization::*member, class Owner>
py::object normalization_view(const py::object& self) {
  const std::vector<float>& values = self.cast<Owner&>().normalization.*member;
  return constant_view(values, {static_cast<Index>(values.size())}, self);
}
template <std::vector<Tensor<float>> DistilledSet::*member>
py::tuple step_views(const py::object& self) {
  const std::vector<Tensor<float>>& steps = self.cast<DistilledSet&>().*member;
  py::tuple views(steps.size());
  for (std::size_t s = 0; s < steps.size(); ++s) views[s] = view(steps[s], self);
  return views;
}

/// (networks, classes, classes): how many images of a true class are predicted as a class.
py::array_t<Index> counts_of(const std::vector<distill::Confusion>& confusions) {
  const Index classes = confusions.front().classes();
  py::array_t<Index> counts({static_cast<Index>(confusions.size()), classes, classes});
  for (std::size_t i = 0; i < confusions.size(); ++i) {
    std::copy_n(confusions[i].numbers().begin(), classes * classes, counts.mutable_data(static_cast<Index>(i)));
  }
  return counts;
}

void add_dataset(py::module_& module) {
  py::class_<Dataset, std::shared_ptr<Dataset>>(module, "Dataset")
      .def(py::init(&make_dataset), py::arg("images") = py::none(), py::arg("labels") = py::none(),
           py::arg("test_images") = py::none(), py::arg("test_labels") = py::none(), py::kw_only(),
           py::arg("classes") = py::none(), py::arg("mean") = py::none(), py::arg("std") = py::none(),
           py::arg("name") = "", py::arg("class_names") = std::vector<std::string>(), py::arg("channels_last") = false)
      .def_property_readonly("images", &images_view<&Dataset::train>)
      .def_property_readonly("labels", &labels_view<&Dataset::train>)
      .def_property_readonly("test_images", &images_view<&Dataset::test>)
      .def_property_readonly("test_labels", &labels_view<&Dataset::test>)
      .def_property_readonly("mean", &normalization_view<&data::Normalization::mean, Dataset>)
      .def_property_readonly("std", &normalization_view<&data::Normalization::std, Dataset>)
      .def_property_readonly("classes", [](const Dataset& self) { return self.train.classes; })
      .def_readonly("class_names", &Dataset::class_names)
      .def_readonly("name", &Dataset::name)
      .def("__repr__", [](const Dataset& self) {
        return concat("<hypertape.Dataset ", self.name, self.name.empty() ? "" : ": ", self.train.count,
                      " training images, ", self.test.count, " test images, ", self.train.classes, " classes>");
      });
  module.def(
      "load_dataset",
      [](const std::string& name, const std::optional<std::filesystem::path>& folder) {
        return std::make_shared<Dataset>(data::load_dataset(name, folder));
      },
      py::call_guard<py::gil_scoped_release>());
  module.def(
      "load_image_folder",
      [](const std::filesystem::path& folder, Index size, Index channels, bool crop) {
        const data::ImageFolderOptions options{size, crop ? data::Fit::crop : data::Fit::stretch, channels};
        return std::make_shared<Dataset>(data::load_image_folder(folder, options).dataset);
      },
      py::call_guard<py::gil_scoped_release>());
}

void add_distilled_set(py::module_& module) {
  py::class_<DistilledSet, std::shared_ptr<DistilledSet>>(module, "DistilledSet")
      .def_property_readonly("images", &step_views<&DistilledSet::images>)
      .def_property_readonly("labels", &step_views<&DistilledSet::labels>)
      .def_property_readonly(
          "learning_rates",
          [](const py::object& self) { return view(self.cast<DistilledSet&>().learning_rates, self); })
      .def_property_readonly("mean", &normalization_view<&data::Normalization::mean, DistilledSet>)
      .def_property_readonly("std", &normalization_view<&data::Normalization::std, DistilledSet>)
      .def_property_readonly("theta0",
                             [](const py::object& self) -> py::object {
                               const auto& theta0 = self.cast<DistilledSet&>().theta0;
                               if (!theta0) return py::none();
                               return view(*theta0, self);
                             })
      .def_readonly("soft_labels", &DistilledSet::soft_labels)
      .def_property_readonly("steps", &DistilledSet::steps)
      .def_property_readonly("epochs", &DistilledSet::epochs)
      .def_property_readonly("classes", &DistilledSet::classes)
      .def_property_readonly(
          "batch",
          [](const DistilledSet& self) { return self.unordered ? std::optional(self.unordered->batch) : std::nullopt; })
      .def_property_readonly("rule", [](const DistilledSet& self) { return optim::text_of(self.rule); })
      .def_property_readonly("augmentation", [](const DistilledSet& self) { return data::text_of(self.augmentation); })
      .def_property_readonly("dataset",
                             [](const DistilledSet& self) { return self.origin ? self.origin->dataset : ""; })
      .def_property_readonly(
          "class_names",
          [](const DistilledSet& self) { return self.origin ? self.origin->class_names : std::vector<std::string>(); })
      .def("save", &distill::save, py::arg("path"), py::call_guard<py::gil_scoped_release>())
      .def("__repr__", [](const DistilledSet& self) {
        return concat("<hypertape.DistilledSet: ", self.count(), " images of ", self.classes(), " classes, ",
                      self.steps(), " x ", self.epochs(), self.unordered ? " steps without an order>" : " steps>");
      });
  module.def("load", &load);
}

void add_results(py::module_& module) {
  py::class_<Progress>(module, "Progress")
      .def_readonly("iteration", &Progress::iteration)
      .def_readonly("loss", &Progress::loss)
      .def_readonly("score", &Progress::score)
      .def_readonly("certificate", &Progress::certificate)
      .def_property_readonly("best",
                             [](const Progress& self) { return std::make_shared<DistilledSet>(self.best().set); })
      .def_property_readonly("best_score", [](const Progress& self) { return self.best().score; });
  using Figure = double (distill::Confusion::*)() const;
  const auto figures = [](std::vector<distill::Confusion> Evaluation::*member, Figure figure) {
    return [member, figure](const Evaluation& self) {
      py::array_t<double> values(static_cast<Index>((self.*member).size()));
      std::transform((self.*member).begin(), (self.*member).end(), values.mutable_data(),
                     [&](const distill::Confusion& one) { return (one.*figure)(); });
      return values;
    };
  };
  py::class_<Evaluation>(module, "Evaluation")
      .def_property_readonly("accuracy", [](const Evaluation& self) { return self.accuracy().mean; })
      .def_property_readonly("accuracy_std", [](const Evaluation& self) { return self.accuracy().deviation; })
      .def_property_readonly("accuracies", figures(&Evaluation::after, &distill::Confusion::accuracy))
      .def_property_readonly("balanced_accuracies", figures(&Evaluation::after, &distill::Confusion::balanced_accuracy))
      .def_property_readonly("initial_accuracies", figures(&Evaluation::before, &distill::Confusion::accuracy))
      .def_property_readonly("confusion", [](const Evaluation& self) { return counts_of(self.after); })
      .def_readonly("diverged", &Evaluation::diverged)
      .def_readonly("train_seconds", &Evaluation::train_seconds)
      .def("__repr__", [](const Evaluation& self) {
        return concat("<hypertape.Evaluation: ", self.accuracy().mean, " +- ", self.accuracy().deviation, " % of ",
                      self.after.size(), self.after.size() == 1 ? " network>" : " networks>");
      });
}

template <class Options>
py::list listed() {
  py::list list;
  const Options defaults;
  Options::for_each_option(defaults, ListKeywords{list, {}});
  return list;
}

}  // namespace
}  // namespace hypertape::python

PYBIND11_MODULE(_core, module) {
  using namespace hypertape::python;
  module.attr("__version__") = HYPERTAPE_VERSION;
  py::register_local_exception_translator(translate);
  add_dataset(module);
  add_distilled_set(module);
  add_results(module);
  py::class_<hypertape::distill::Initialization>(module, "Initialization").def(py::init(&initialization));
  module.def("distill_options", &listed<hypertape::distill::DistillOptions>);
  module.def("free_training_options", &listed<hypertape::distill::FreeTraining>);
  module.def("distill", &run_distill);
  module.def("evaluate", &run_evaluate);
}
