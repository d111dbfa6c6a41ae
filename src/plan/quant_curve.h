// Candidates of `quant`: bytes and error over the step, measured at a few steps and read off in between.
#pragma once

#include <cstdint>
#include <vector>

#include "codec/codec.h"
#include "codec/quant.h"
#include "plan/curve.h"
#include "tensor/sic.h"

namespace tt::plan {

// Vectors (biases, norms) with a larger error than this are lost, and the model with them.
inline constexpr double kGentle = 0.02;

// What an encoding with one step costs and loses at a measured point.
Candidate candidate_at(codec::Format format, const codec::QuantPoint& point);

// Where the curve is measured.
struct QuantGrid {
  double ratio = 0.70710678118654752;  // of neighbouring steps from 1 to kStraightBits bits a weight
  std::uint64_t sampled = 1 << 16;     // weights that a point is measured on
};

// From the step at which nothing but zeros is left down to where float32 allows no smaller error, or about 26
// bits a weight; large weights on a sample of their outputs. Up to 1 bit a weight steps are half an octave
// apart, above kStraightBits two octaves: there the curve is straight, a bit an octave. `sic` null: C = I.
// `gently`: none with an error above kGentle. None for weights that `quant` does not take.
inline constexpr double kStraightBits = 6;
std::vector<Candidate> price_quant(const codec::WeightData& weight, const tensor::SicPlan* sic, bool gently,
                                   const QuantGrid& grid = {});

// Adds candidates between neighbours of a curve of `quant` alone, so that none is more than about `pitch`
// bytes larger than the one before: bytes and the logarithms of the errors are linear in the logarithm of the
// step. At most kMaxBetween between two neighbours.
inline constexpr std::uint64_t kMaxBetween = 127;
Curve refine(const Curve& curve, std::uint64_t pitch);

}  // namespace tt::plan
