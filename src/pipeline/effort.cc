#include "pipeline/effort.h"

#include <array>

namespace tt::pipeline {
namespace {

constexpr std::array kAlphas = {1.0, 0.5, 0.0, 0.75, 0.25, 1.25};
constexpr plan::QuantGrid kFine{}, kCoarse{.ratio = 0.5, .sampled = 1 << 14};

constexpr std::array kTerms = {
    EffortTerms{"fast", kCoarse, true, {}, false, false, false},
    EffortTerms{"default", kFine, false, std::span(kAlphas).first(3), true, false, true},
    EffortTerms{"max", kFine, false, kAlphas, true, true, true},
};

}  // namespace

const EffortTerms& terms_of(Effort effort) {
  return kTerms[static_cast<std::size_t>(effort)];
}

}  // namespace tt::pipeline
