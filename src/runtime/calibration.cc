#include "runtime/calibration.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "tensor/effective_rank.h"
#include "tensor/gram.h"

namespace tt::runtime {
namespace {

using base::Error;
using base::ErrorKind;

constexpr std::uint64_t kMaxRankSide = 2048;

bool is_diagonal(InputKind kind) {
  return kind == InputKind::tokens || kind == InputKind::energies;
}

// Place of entry (i, i) of a packed triangle of n + 1 axes.
std::uint64_t row_begin(std::uint64_t i, std::uint64_t n) {
  return i * (2 * (n + 1) - i + 1) / 2;
}

// The n x n Gram of a packed triangle of n + 1 axes is added to both triangles of `out`.
void add_unpacked(const std::vector<double>& packed, std::uint64_t n, std::vector<double>& out) {
  for (std::uint64_t i = 0; i < n; ++i) {
    const double* const row = packed.data() + row_begin(i, n);
    out[i * n + i] += row[0];
    for (std::uint64_t j = i + 1; j < n; ++j) {
      out[i * n + j] += row[j - i];
      out[j * n + i] += row[j - i];
    }
  }
}

void keep_groups_apart(std::vector<double>& gram, std::uint64_t n, std::uint64_t group) {
  if (group <= 1) return;
  const std::uint64_t each = n / group;
  for (std::uint64_t i = 0; i < n; ++i)
    for (std::uint64_t j = 0; j < n; ++j)
      if (i / each != j / each) gram[i * n + j] = 0;
}

// `part` of the diagonal's mean on top of it.
void add_to_diagonal(tensor::Metric& metric, double part) {
  const std::uint64_t n = metric.size, stride = metric.kind == tensor::Metric::Kind::full ? n + 1 : 1;
  double sum = 0;
  for (std::uint64_t i = 0; i < n; ++i) sum += metric.values[i * stride];
  for (std::uint64_t i = 0; i < n; ++i) metric.values[i * stride] += part * sum / static_cast<double>(n);
}

double shrinkage(const CalibrationInfo& info, std::uint64_t features, double rows) {
  return shrinkage_of(info.generated ? kInvented : kShrinkage, features, rows);
}

// How often generated samples look up a token says nothing.
bool counts_invented_tokens(const CalibrationInfo& info, const WeightInfo& weight) {
  return info.generated && !weight.inputs.empty() && info.inputs[weight.inputs[0]].kind == InputKind::tokens;
}

}  // namespace

double shrinkage_of(double base, std::uint64_t features, double rows) {
  return base + kFewRows * std::min(1.0, static_cast<double>(features) / std::max(rows, 1.0));
}

base::Sha256 model_hash(const model::Model& model) {
  std::vector<base::Sha256> digests;
  for (const model::SourceFile& source : model.files()) digests.push_back(base::sha256_file(source.file));
  if (digests.size() == 1) return digests[0];
  base::Sha256Hasher hasher;
  for (const base::Sha256& digest : digests) hasher.update(digest);
  return hasher.finish();
}

void check_model(const CalibrationInfo& info, const model::Model& model, const std::string& name) {
  if (info.part)
    throw Error(ErrorKind::bad_data, base::quoted(name) + " is an unfinished calibration",
                "finish it with tt calibrate --resume");
  bool same = info.model == model_hash(model) && info.weights.size() == model.weights().size();
  for (std::size_t i = 0; same && i < info.weights.size(); ++i) {
    const WeightInfo& weight = info.weights[i];
    const model::Weight& mine = model.weights()[i];
    same = weight.name == mine.name && weight.shape == mine.layout.shape && weight.rows == mine.layout.rows &&
           weight.cols == mine.layout.cols;
  }
  if (!same)
    throw Error(ErrorKind::bad_data, base::quoted(name) + " is the calibration of another model",
                "calibrate this model: tt calibrate MODEL samples.npz -o x.ttcal");
}

double effective_rank(const InputInfo& input, const BinnedSum& sum) {
  if (input.rows == 0 || input.size == 0 || input.size > kMaxRankSide) return 0;
  const std::vector<double> totals = sum.totals();
  std::vector<double> values = totals;
  if (!is_diagonal(input.kind)) {
    std::vector<double> gram(input.size * input.size);
    add_unpacked(totals, input.size, gram);
    values = tensor::eigen_of(std::move(gram), input.size, false).values;
  }
  return tensor::entropy_rank(values);
}

std::string warning_of(const InputInfo& input) {
  if (input.rows == 0) return "saw no sample, C = I is taken";
  if (is_diagonal(input.kind) || input.rows >= input.size) return "";
  return "has " + std::to_string(input.rows) + " rows for " + std::to_string(input.size) +
         " features: its Gram matrix is singular, use more samples";
}

Calibration::Calibration(CalibrationSums sums)
    : info_(std::move(sums.info)), held_out_(std::move(sums.held_out)) {
  for (BinnedSum& sum : sums.sums) {
    totals_.push_back(sum.totals());
    sum = BinnedSum();
  }
}

tensor::Metric metric_of(const CalibrationInfo& info, std::size_t index, const InputTotals& totals) {
  const WeightInfo& weight = info.weights.at(index);
  tensor::Metric metric;
  metric.axis = weight.axis;
  metric.size = weight.axis == 0 ? weight.rows : weight.cols;
  for (const std::uint64_t input : weight.inputs)
    metric.samples += static_cast<double>(info.inputs[input].rows);
  if (!(metric.samples > 0) || counts_invented_tokens(info, weight)) return metric;
  const std::uint64_t n = metric.size;
  const bool diagonal = is_diagonal(info.inputs[weight.inputs[0]].kind);
  metric.kind = diagonal ? tensor::Metric::Kind::diagonal : tensor::Metric::Kind::full;
  metric.values.assign(diagonal ? n : n * n, 0.0);
  for (const std::uint64_t input : weight.inputs) {
    const std::vector<double> values = totals(input);
    if (diagonal)
      for (std::uint64_t i = 0; i < n; ++i) metric.values[i] += values[i];
    else
      add_unpacked(values, n, metric.values);
  }
  if (!diagonal) keep_groups_apart(metric.values, n, weight.group);
  if (info.inputs[weight.inputs[0]].kind == InputKind::tokens)
    add_to_diagonal(metric, kUnseen);
  else
    add_to_diagonal(metric, shrinkage(info, n, metric.samples));
  return metric;
}

std::string Calibration::metric_key(std::size_t weight) const {
  const WeightInfo& info = info_.weights.at(weight);
  if (info.inputs.empty() || counts_invented_tokens(info_, info)) return {};
  std::string key = std::to_string(info.axis) + "/" + std::to_string(info.group);
  for (const std::uint64_t input : info.inputs) key += "," + std::to_string(input);
  return key;
}

std::shared_ptr<const tensor::Metric> Calibration::metric(std::size_t weight) const {
  const auto build = [&] {
    return std::make_shared<const tensor::Metric>(
        metric_of(info_, weight, [&](std::size_t input) { return totals_[input]; }));
  };
  const std::string key = metric_key(weight);
  if (key.empty()) return build();
  const std::lock_guard lock(mutex_);
  std::weak_ptr<const tensor::Metric>& slot = cache_[key];
  if (std::shared_ptr<const tensor::Metric> known = slot.lock()) return known;
  auto fresh = build();
  slot = fresh;
  return fresh;
}

std::vector<double> Calibration::mean(std::size_t index) const {
  const WeightInfo& weight = info_.weights.at(index);
  std::vector<double> mean;
  double rows = 0;
  for (const std::uint64_t input : weight.inputs) {
    const InputInfo& info = info_.inputs[input];
    if (is_diagonal(info.kind)) return {};
    mean.resize(info.size);
    rows += static_cast<double>(info.rows);
    for (std::uint64_t i = 0; i < info.size; ++i)
      mean[i] += totals_[input][row_begin(i, info.size) + info.size - i];
  }
  if (!(rows > 0)) return {};
  for (double& value : mean) value /= rows;
  return mean;
}

namespace {

// Mean over the probes, weighted by samples, of damage / unit(probe).
template <typename Unit>
std::optional<double> mean_damage(const CalibrationInfo& info, std::size_t weight, const Unit& unit) {
  double damage = 0, samples = 0;
  for (const Probe& probe : info.probes) {
    if (!(probe.damage.at(weight) >= 0) || !(probe.error.at(weight) > 0)) continue;
    damage += static_cast<double>(probe.samples) * probe.damage[weight] / unit(probe);
    samples += static_cast<double>(probe.samples);
  }
  if (!(samples > 0)) return std::nullopt;
  return damage / samples;
}

}  // namespace

std::optional<double> sensitivity_of(const CalibrationInfo& info, std::size_t weight) {
  return mean_damage(info, weight, [&](const Probe& probe) { return probe.error[weight]; });
}

std::optional<double> relative_sensitivity_of(const CalibrationInfo& info, std::size_t weight) {
  return mean_damage(info, weight, [](const Probe&) { return kProbeError * kProbeError; });
}

std::string Calibration::measure() const {
  return info_.probes.empty() ? "" : info_.probes.front().measure;
}

std::vector<std::string> Calibration::notes() const {
  std::vector<std::string> notes;
  for (const WeightInfo& weight : info_.weights) {
    if (!weight.note.empty()) {
      notes.push_back("weight " + base::quoted(weight.name) + (weight.inputs.empty() ? ": C = I, " : ": ") +
                      weight.note);
      continue;
    }
    bool seen = weight.inputs.empty();
    for (const std::uint64_t input : weight.inputs) seen = seen || info_.inputs[input].rows > 0;
    if (!seen) notes.push_back("weight " + base::quoted(weight.name) + ": C = I, its layer saw no sample");
  }
  return notes;
}

}  // namespace tt::runtime
