// Which weights of one shape are alike.
//
// cosine: <A, B> / (||A|| ||B||), on all elements, or on up to kSampled that are spread evenly (the same in
// both). overlap of a side: the mean of cos^2 of the principal angles between the spans of the strongest
// singular vectors (kDirections, fewer where the rank is smaller; Golub and Van Loan, Matrix
// Computations, 6.4.3): 1 for the same subspace, about kDirections / length for unrelated ones.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/components.h"

namespace tt::pipeline {

inline constexpr std::uint64_t kSampled = std::uint64_t{1} << 16, kDirections = 8;
inline constexpr std::size_t kMaxAlike = 256;  // weights of one shape: the first ones are compared

// What is kept of a weight to compare it with others.
struct Sketch {
  std::size_t weight = 0;
  std::vector<float> sample;
  std::uint64_t count = 0;         // of directions
  std::vector<float> left, right;  // count x outputs, count x inputs
};
// Up to kSampled of the values.
std::vector<float> sample_of(std::span<const float> values);
Sketch sketch_of(std::size_t weight, std::vector<float> sample, const tensor::Components& components);

struct SimilarPair {
  std::size_t first = 0, second = 0;  // indices of weights, first < second
  double cosine = 0;
  double output_overlap = 0, input_overlap = 0;
  double output_angle = 0, input_angle = 0;  // the smallest principal angle, degrees
};

// All pairs of one group, in order of their indices. Errors: internal if LAPACK fails.
std::vector<SimilarPair> compare_all(const std::vector<Sketch>& group);
// The mean of |cosine| and both overlaps; the most similar pairs come first.
double likeness(const SimilarPair& pair);
void sort_by_likeness(std::vector<SimilarPair>& pairs);

}  // namespace tt::pipeline
