#include "pipeline/similarity.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tensor/gram.h"
#include "tensor/random.h"

namespace tt::pipeline {
namespace {

double dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

double cosine_of(const Sketch& a, const Sketch& b) {
  const double scale = std::sqrt(dot(a.sample, a.sample) * dot(b.sample, b.sample));
  return scale > 0 ? std::clamp(dot(a.sample, b.sample) / scale, -1.0, 1.0) : 0;
}

struct Angles {
  double overlap = 0, smallest = 90;
};

// The cosines are the singular values of the products of both bases.
Angles angles_between(std::span<const float> a, std::uint64_t count_a, std::span<const float> b,
                      std::uint64_t count_b) {
  if (count_a == 0 || count_b == 0) return {};
  if (count_a > count_b) return angles_between(b, count_b, a, count_a);
  const std::size_t length = a.size() / count_a;
  std::vector<double> products(count_a * count_b), gram(count_a * count_a);
  for (std::size_t i = 0; i < count_a; ++i)
    for (std::size_t j = 0; j < count_b; ++j)
      products[i * count_b + j] = dot(a.subspan(i * length, length), b.subspan(j * length, length));
  for (std::size_t i = 0; i < count_a; ++i)
    for (std::size_t k = 0; k < count_a; ++k)
      for (std::size_t j = 0; j < count_b; ++j)
        gram[i * count_a + k] += products[i * count_b + j] * products[k * count_b + j];
  Angles angles;
  const std::vector<double> squares = tensor::eigen_of(std::move(gram), count_a, false).values;
  for (const double square : squares)
    angles.overlap += std::clamp(square, 0.0, 1.0) / static_cast<double>(count_a);
  angles.smallest = std::acos(std::sqrt(std::clamp(squares[0], 0.0, 1.0))) * 180 / std::numbers::pi;
  return angles;
}

SimilarPair compare(const Sketch& a, const Sketch& b) {
  const Angles out = angles_between(a.left, a.count, b.left, b.count);
  const Angles in = angles_between(a.right, a.count, b.right, b.count);
  return {a.weight, b.weight, cosine_of(a, b), out.overlap, in.overlap, out.smallest, in.smallest};
}

}  // namespace

std::vector<float> sample_of(std::span<const float> values) {
  std::vector<float> sample;
  const std::size_t stride = (values.size() + kSampled - 1) / kSampled;
  // One at random in each stretch, so that a stride never follows the columns.
  for (std::size_t i = 0; i < values.size(); i += stride)
    sample.push_back(values[std::min(values.size() - 1, i + tensor::random_bits(0, i) % stride)]);
  return sample;
}

Sketch sketch_of(std::size_t weight, std::vector<float> sample, const tensor::Components& components) {
  return {weight,
          std::move(sample),
          components.count,
          {components.left.begin(), components.left.end()},
          {components.right.begin(), components.right.end()}};
}

std::vector<SimilarPair> compare_all(const std::vector<Sketch>& group) {
  std::vector<SimilarPair> pairs;
  const std::size_t count = std::min(group.size(), kMaxAlike);
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t j = i + 1; j < count; ++j) pairs.push_back(compare(group[i], group[j]));
  return pairs;
}

double likeness(const SimilarPair& pair) {
  return (std::abs(pair.cosine) + pair.output_overlap + pair.input_overlap) / 3;
}

void sort_by_likeness(std::vector<SimilarPair>& pairs) {
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const auto& a, const auto& b) { return likeness(a) > likeness(b); });
}

}  // namespace tt::pipeline
