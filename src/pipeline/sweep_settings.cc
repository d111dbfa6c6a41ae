#include "pipeline/sweep_settings.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "codec/encoding.h"
#include "pipeline/plan_file.h"
#include "pipeline/selection.h"
#include "tensor/mode_shapes.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;

bool sets_rank(std::string_view family) {
  return family.ends_with("-rank");
}

template <typename T>
std::vector<T> sorted_once(std::vector<T> values, bool ascending) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  if (!ascending) std::reverse(values.begin(), values.end());
  return values;
}

void check_grid(const SweepGrid& grid) {
  for (const std::string& family : grid.families)
    if (std::find(kSweepFamilies.begin(), kSweepFamilies.end(), family) == kSweepFamilies.end())
      throw Error(ErrorKind::usage, "unknown family " + base::quoted(family),
                  "use auto, svd, tt, svd-rank or tt-rank");
  for (const double ratio : grid.ratios)
    if (!(ratio > 0 && ratio < 1))
      throw Error(ErrorKind::usage, "a ratio of " + base::Json(ratio).dump() + " is not between 0 and 1",
                  "0.1 is a tenth of the model's bytes");
  for (const std::uint64_t rank : grid.ranks)
    if (rank == 0) throw Error(ErrorKind::usage, "a rank is 0", "the smallest rank is 1");
}

// Cores of a tensor train are as wide as the weight, at most float32.
codec::Encoding plain_encoding(const std::string& family, const tensor::WeightLayout& layout) {
  if (family == "svd-rank") return {.format = codec::Format::lowrank, .dtype = tensor::DType::f16};
  const bool wide = tensor::element_size(layout.dtype) >= 4;
  return {.format = codec::Format::tt,
          .modes = tensor::small_modes(layout.rows, layout.cols),
          .dtype = wide ? tensor::DType::f32 : tensor::DType::f16};
}

// Every matrix and kernel of a layer that the patterns choose; a plan keeps exact what it does not name.
std::vector<PlannedWeight> plan_for(const std::string& family, const CompressOptions& base,
                                    const model::Model& model) {
  const std::vector<std::string> kept = select_weights(model, base, false).reasons;
  std::vector<PlannedWeight> plan;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const model::Weight& weight = model.weights()[i];
    if (!model::is_layer_role(weight.role) || weight.layout.rows < 2 || weight.layout.cols < 2) continue;
    if (kept[i].empty()) plan.push_back({weight.name, codec::spec_of(plain_encoding(family, weight.layout))});
  }
  return plan;
}

}  // namespace

std::string SweepSetting::id() const {
  return family + (rank ? " rank=" + std::to_string(*rank) : " ratio=" + base::Json(*ratio).dump());
}

std::vector<SweepSetting> settings_of(const SweepGrid& grid) {
  check_grid(grid);
  std::vector<SweepSetting> settings;
  for (const std::string_view family : kSweepFamilies) {
    if (std::find(grid.families.begin(), grid.families.end(), family) == grid.families.end()) continue;
    if (sets_rank(family))
      for (const std::uint64_t rank : sorted_once(grid.ranks, true))
        settings.push_back({std::string(family), {}, rank});
    else
      for (const double ratio : sorted_once(grid.ratios, false))
        settings.push_back({std::string(family), ratio, {}});
  }
  if (settings.empty())
    throw Error(ErrorKind::usage, "there is nothing to sweep over",
                "give families and their ratios or ranks");
  return settings;
}

CompressOptions options_for(const SweepSetting& setting, const CompressOptions& base,
                            const model::Model& model, const std::string& plan_path) {
  CompressOptions options = base;
  if (!setting.rank) {
    options.target_ratio = setting.ratio;
    options.method = setting.family;
    return options;
  }
  write_plan_file(plan_path, plan_for(setting.family, base, model));
  options.plan_in = plan_path;
  options.max_rank = setting.rank;
  options.limits = {};  // no metric: plain factors
  options.tensors.clear();
  options.fold = options.generate = false;
  return options;
}

}  // namespace tt::pipeline
