#include "pipeline/merge.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/parallel.h"
#include "base/text.h"
#include "pipeline/average_model.h"
#include "pipeline/open_model.h"
#include "runtime/calibration.h"
#include "tensor/blas.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;

[[noreturn]] void throw_usage(const std::string& message) {
  throw Error(ErrorKind::usage, message, "see tt help merge");
}

std::vector<double> shares_of(const MergeOptions& options) {
  if (options.inputs.size() < 2) throw_usage("an average needs at least two models");
  std::vector<double> shares = options.weights;
  if (shares.empty()) shares.assign(options.inputs.size(), 1);
  if (shares.size() != options.inputs.size())
    throw_usage(std::to_string(shares.size()) + " weights are given for " +
                std::to_string(options.inputs.size()) + " models");
  const bool valid = std::all_of(shares.begin(), shares.end(),
                                 [](double share) { return std::isfinite(share) && share >= 0; });
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  if (!valid || !(sum > 0) || !std::isfinite(sum))
    throw_usage("the weights must be at least 0, and not all 0");
  for (double& share : shares) share /= sum;
  return shares;
}

// Of the .tt file; of a model what a calibration knows it by.
base::Sha256 hash_of(const OpenedModel& opened, const std::string& path) {
  return opened.kind == "tt" ? base::sha256_file(base::InputFile::open(path))
                             : runtime::model_hash(opened.model);
}

}  // namespace

MergeReport merge(const MergeOptions& options, base::Progress& progress) {
  const auto start = std::chrono::steady_clock::now();
  const std::vector<double> shares = shares_of(options);
  tensor::check_address_space(base::worker_count(options.compress.threads));
  CompressOptions how = options.compress;
  how.input.clear();
  MergeReport report;
  std::vector<OpenedModel> models;
  std::uint64_t largest = 0;
  for (std::size_t i = 0; i < options.inputs.size(); ++i) {
    const std::string& path = options.inputs[i];
    const OpenedModel& opened = models.emplace_back(open_weights(path, how.allow_symlinks, how.threads));
    const std::string sha256 = base::hex(hash_of(opened, path));
    report.inputs.push_back({path, opened.kind, sha256, opened.file_bytes, shares[i]});
    how.merged.push_back({sha256, shares[i]});
    largest = std::max(largest, opened.file_bytes);
  }
  if (!how.target_ratio && !how.target_bytes) how.target_bytes = largest;
  std::vector<AveragePart> parts;
  for (std::size_t i = 0; i < models.size(); ++i)
    parts.push_back({models[i].model, options.inputs[i], shares[i]});
  AverageModel mean = average_of(parts, base::worker_count(how.threads), progress);
  models.clear();
  report.averaged = mean.averaged;
  report.equal = std::move(mean.equal);
  report.compressed = compress(how, mean.model, progress);
  report.compressed.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace tt::pipeline
