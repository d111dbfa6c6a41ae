// What calibration knows of a model: for every distinct layer input the sum of its outer products, for every
// weight how much its error costs, and a few samples that were kept out of both.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/sha256.h"
#include "model/model.h"
#include "runtime/array.h"
#include "runtime/binned_sum.h"
#include "runtime/layer_input.h"
#include "tensor/metric.h"

namespace tt::runtime {

inline constexpr std::uint64_t kCalibrationBlock = 256;  // samples
inline constexpr std::uint64_t kMaxHeldOut = 128;        // samples that are kept
inline constexpr std::uint64_t kMaxProbeSamples = 128;

struct InputInfo {
  InputKind kind = InputKind::rows;
  std::string value, layer;   // the array in the graph, and the first node that it goes into
  std::uint64_t size = 0;     // length of a row; tokens: rows of the table
  std::uint64_t rows = 0;     // that were summed; patches: of all groups; tokens: look-ups
  double effective_rank = 0;  // exp of the entropy of the Gram's eigenvalues; 0: not known
  bool operator==(const InputInfo&) const = default;
};

struct WeightInfo {
  std::string name, role;
  tensor::Shape shape;
  std::uint64_t rows = 0, cols = 0;   // matrix view
  std::vector<std::uint64_t> inputs;  // indices; empty: C = I
  unsigned axis = 1;
  std::uint64_t group = 1;
  std::string note;
  bool operator==(const WeightInfo&) const = default;
};

// One measurement of sensitivities: every weight distorted alone.
struct Probe {
  std::uint64_t samples = 0, seed = 0;
  std::string measure;                // "kl", "cosine", "relative": see runtime/sensitivity.h
  std::vector<double> damage, error;  // by weight; damage < 0: not measured
  bool operator==(const Probe&) const = default;
};

// Where an interrupted calibration goes on.
struct CalibrationPart {
  std::uint64_t group = 0, block = 0;  // next pass over the samples, and block in it
  std::uint64_t weight = 0;            // next weight to be distorted
  bool summed = false;                 // all passes are done
  base::Sha256 key{};                  // of the samples and options
  bool operator==(const CalibrationPart&) const = default;
};

struct CalibrationInfo {
  std::string tool_version;
  base::Sha256 model{};              // model_hash()
  std::uint64_t samples = 0;         // that were summed
  std::vector<base::Sha256> blocks;  // of the samples of every block, ascending
  std::uint64_t seed = 0;
  std::string mask_input;
  std::vector<InputInfo> inputs;
  std::vector<WeightInfo> weights;
  std::vector<Probe> probes;
  bool generated = false;  // samples that nobody took from life (runtime/generated_samples.h); in no file
  std::vector<base::Sha256> held_out;  // of every sample that is kept, ascending
  std::optional<CalibrationPart> part;
};

// Everything as it is summed, stored and merged. held_out: the model's inputs, samples along the first axis
// (the order of info.held_out).
struct CalibrationSums {
  CalibrationInfo info;
  std::vector<BinnedSum> sums;
  NamedArrays held_out;
};

// The sha256 of the model's file, or of the digests of its files in order if it has external data.
base::Sha256 model_hash(const model::Model& model);

// Errors: bad_data if the calibration is of another model, or is not finished.
void check_model(const CalibrationInfo& info, const model::Model& model, const std::string& name);

// Sums of all, whatever the order: the same bits as if all blocks had been summed by one run. Of the held-out
// samples the kMaxHeldOut with the lowest digests are kept. Errors: bad_data: calibrations of different
// models, of different masks, of the same samples, or unfinished; resource_limit as BinnedSum.
CalibrationSums merge_calibrations(std::vector<CalibrationSums> parts, const std::vector<std::string>& names);

// exp(-sum p log p) of the eigenvalues of the Gram, p = l_i / sum l; 0 above 2,048 axes or without rows.
double effective_rank(const InputInfo& input, const BinnedSum& sum);

// What makes an input a poor guide, for the user; empty if nothing does.
std::string warning_of(const InputInfo& input);

// What is added to the diagonal of C, as parts of its mean, because samples show only some of what users will
// feed. Directions that few rows happened to miss would take any error otherwise (measured: mnist_mlp_1024,
// 768 rows for 1,024 features, 286 KiB: 97.78 % without, 98.09 % with it).
inline constexpr double kShrinkage = 0.01;  // of a Gram
inline constexpr double kFewRows = 0.02;    // times features / rows, at most 1
inline constexpr double kUnseen = 0.5;      // of the counts of a table's rows: no samples look up all of them
inline constexpr double kInvented = 0.2;    // of a Gram of generated samples, whose counts say nothing
// base + kFewRows * min(1, features / rows); `rows` below 1 count as 1.
double shrinkage_of(double base, std::uint64_t features, double rows);

// C of a weight, regularised as above; `totals` gives the sums of an input (BinnedSum::totals). The identity,
// with the size of the axis, where nothing is known; its `samples` is 0.
using InputTotals = std::function<std::vector<double>(std::size_t input)>;
tensor::Metric metric_of(const CalibrationInfo& info, std::size_t weight, const InputTotals& totals);

// Damage of the output for one unit of the metric's error, the mean over all probes weighted by samples;
// nothing if it was not measured.
std::optional<double> sensitivity_of(const CalibrationInfo& info, std::size_t weight);

// Damage of the output for a relative squared error of 1, D(E) = D(W), by the same mean: every probe distorts
// with D(E) = kProbeError^2 D(W).
inline constexpr double kProbeError = 0.1;
std::optional<double> relative_sensitivity_of(const CalibrationInfo& info, std::size_t weight);

// For planning and coding. Thread-safe.
class Calibration {
 public:
  explicit Calibration(CalibrationSums sums);

  const CalibrationInfo& info() const { return info_; }
  const NamedArrays& held_out() const { return held_out_; }
  // metric_of() of a weight, by its index in the model. Weights with the same input share it while anybody
  // holds it.
  std::shared_ptr<const tensor::Metric> metric(std::size_t weight) const;
  // Equal for weights whose metric is the same object; empty where nothing is known (C = I).
  std::string metric_key(std::size_t weight) const;
  // E x along the metric's axis, one value for each of its `size`; empty where it is not known.
  std::vector<double> mean(std::size_t weight) const;
  std::optional<double> sensitivity(std::size_t weight) const { return sensitivity_of(info_, weight); }
  std::string measure() const;  // of the sensitivities; empty without
  // "C = I, ..." where a layer saw nothing, one line a weight.
  std::vector<std::string> notes() const;

 private:
  CalibrationInfo info_;
  std::vector<std::vector<double>> totals_;  // by input, packed
  NamedArrays held_out_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, std::weak_ptr<const tensor::Metric>> cache_;
};

}  // namespace tt::runtime
