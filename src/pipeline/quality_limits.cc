#include "pipeline/quality_limits.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/text.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;

std::string option_of(const QualityLimits& limits) {
  if (limits.max_kl) return "--max-kl";
  if (limits.max_drop) return "--max-drop";
  return "--min-quality";
}

}  // namespace

void check_limit_options(const QualityLimits& limits) {
  if (!limits.calib.empty() && !limits.eval.empty() && limits.calib == limits.eval)
    throw Error(ErrorKind::usage, "options --calib and --eval name the same samples",
                "leave --eval out: the last quarter of the samples is held out anyway");
  if (!limits.any()) {
    if (!limits.eval.empty())
      throw Error(ErrorKind::usage, "samples are given, but no limit on quality",
                  "add --max-error, --min-quality, --max-kl or --max-drop");
    if (!limits.labels.empty())
      throw Error(ErrorKind::usage, "labels are given, but no limit that needs them", "add --max-drop");
    return;
  }
  const bool only_error = !limits.min_quality && !limits.max_kl && !limits.max_drop;
  if (!limits.has_samples() && !only_error)
    throw Error(ErrorKind::usage, "the limit " + option_of(limits) + " needs samples",
                "add --calib samples.npz (the last quarter is held out) or --eval samples.npz");
  if (limits.max_drop && limits.labels.empty())
    throw Error(ErrorKind::usage, "the limit --max-drop needs labels", "add --labels y.npy");
  if (!limits.max_drop && !limits.labels.empty())
    throw Error(ErrorKind::usage, "labels are given, but no limit that needs them", "add --max-drop");
}

bool Quality::kept() const {
  return std::all_of(limits.begin(), limits.end(), [](const KeptLimit& limit) { return limit.kept; });
}

std::string quality_text(const Quality& quality, bool only_missed) {
  std::string text;
  for (const KeptLimit& limit : quality.limits) {
    if (only_missed && limit.kept) continue;
    if (!text.empty()) text += ", ";
    text += limit.name + " " + base::number_text(limit.value);
    if (!limit.where.empty()) text += " of " + limit.where;
    text += " (limit " + base::number_text(limit.limit) + ")";
  }
  return text;
}

Quality weight_quality(double max_error, const std::vector<const container::EncodedWeight*>& weights) {
  // The stored figure is rounded to float32; half a unit in its last place must not hide an error.
  constexpr double kRounding = 1 + 1e-7;
  KeptLimit limit{"max_error", max_error, 0, true, ""};
  for (const container::EncodedWeight* weight : weights) {
    const double error = static_cast<double>(weight->entry.measured_error);
    if (error <= limit.value) continue;
    limit.value = error;
    limit.where = "weight " + base::quoted(weight->entry.name);
  }
  limit.kept = limit.value * kRounding <= max_error;
  return {{limit}, "weights", 0};
}

}  // namespace tt::pipeline
