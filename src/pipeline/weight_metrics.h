// What calibration says of the weights of one model, ready for planning and coding; without calibration C =
// I.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "model/fold.h"
#include "plan/allocate.h"
#include "runtime/calibration.h"
#include "tensor/sic.h"

namespace tt::pipeline {

// For every weight the one of the calibrated model that sees the same inputs; nothing: C = I.
using CalibratedAs = std::vector<std::optional<std::size_t>>;
// Of `model` where it was made from `original` as `folded` says. A weight whose inputs were scaled by
// folding, or that constant nodes changed, is not known any more.
CalibratedAs calibrated_as(const model::Model& model, const model::Model& original,
                           const model::FoldReport& folded);

class WeightMetrics {
 public:
  // `calibration` null: nothing is known.
  WeightMetrics(std::shared_ptr<const runtime::Calibration> calibration, CalibratedAs weights)
      : calibration_(std::move(calibration)), weights_(std::move(weights)) {}

  const runtime::Calibration* calibration() const { return calibration_.get(); }
  // Null: C = I. Thread-safe; those of the last kCacheBytes are kept.
  std::shared_ptr<const tensor::Metric> metric(std::size_t weight) const;
  std::shared_ptr<const tensor::SicPlan> sic(std::size_t weight) const;

  // Of the first input of the weight's layer; null where nothing is known.
  const runtime::InputInfo* input(std::size_t weight) const;

  // Damage of the output for one unit of the weight's loss (plan/curve.h); nothing if it was not measured.
  std::optional<double> sensitivity(std::size_t weight) const;

 private:
  static constexpr std::uint64_t kCacheBytes = 256 << 20;

  // The key of its metric, empty where nothing is known.
  std::string key_of(std::size_t weight) const;

  std::shared_ptr<const runtime::Calibration> calibration_;
  CalibratedAs weights_;
  mutable std::mutex mutex_;
  mutable std::list<std::pair<std::string, std::shared_ptr<const tensor::SicPlan>>> cache_;  // newest first
};

// Importances for planning from the sensitivities of all weights (nothing: not measured): `base` times
// max(s / s_max, kFloor)^alpha. Sensitivities that were measured one weight at a time mislead where weights
// matter together; alpha < 1 shrinks them, 0 makes all relative errors alike. What was not measured counts as
// much as the most sensitive.
inline constexpr double kSensitivityFloor = 1e-5;
plan::Importances shrunk_importances(const plan::Importances& base,
                                     const std::vector<std::optional<double>>& sensitivities, double alpha);

// What a weight counts whose inputs nobody knows. A relative error says little about a kernel that is mostly
// one component, a mean over its taps or channels say: inputs need not be along it, and what the rest tells
// is then lost. A kernel counts as often as Spectrum::concentration() says, all else once (measured in
// docs/quality.md: inputs of other layers do run along the strong components). `data` is finite.
double unseen_importance(const model::Weight& weight, const tensor::WeightData& data);

}  // namespace tt::pipeline
