// What a sweep compresses a model to: families, and their ratios and ranks.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/model.h"
#include "pipeline/compress.h"

namespace tt::pipeline {

inline constexpr std::array<std::string_view, 5> kSweepFamilies = {"auto", "svd", "tt", "svd-rank",
                                                                   "tt-rank"};

struct SweepGrid {
  std::vector<std::string> families{kSweepFamilies.begin(), kSweepFamilies.end()};
  std::vector<double> ratios = {0.5, 0.35, 0.25, 0.18, 0.125, 0.09, 0.06, 0.04, 0.025};  // each in (0, 1)
  std::vector<std::uint64_t> ranks = {2, 4, 8, 12, 16, 20, 24, 32, 48, 64, 96, 128, 192, 256};  // ascending
};

struct SweepSetting {
  std::string family;
  std::optional<double> ratio;        // of the family's ratio, or
  std::optional<std::uint64_t> rank;  // rank one is set

  std::string id() const;  // "auto ratio=0.25", "tt-rank rank=8"
  bool operator==(const SweepSetting&) const = default;
};

// Family by family; sorted, each once. Errors: usage: an unknown family, ratios or ranks out of range, none.
std::vector<SweepSetting> settings_of(const SweepGrid& grid);

// How `base` compresses to a setting. A rank family needs a plan, which is written to `plan_path`.
CompressOptions options_for(const SweepSetting& setting, const CompressOptions& base,
                            const model::Model& model, const std::string& plan_path);

}  // namespace tt::pipeline
