#include "tensor/sic_feedback.h"

#include <cblas.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "tensor/vector_clones.h"

namespace tt::tensor {
namespace {

constexpr std::uint64_t kBlock = 64;    // inputs between two matrix products
constexpr std::uint64_t kPiece = 2048;  // outputs whose targets stay in the first-level cache

TT_VECTOR_CLONES void add_scaled(float* to, const float* from, float factor, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) to[i] += factor * from[i];
}

}  // namespace

SicFeedback::SicFeedback(const SicPlan& plan, std::uint64_t outputs, std::span<const float> values)
    : plan_(plan),
      n_(plan.size()),
      m_(outputs),
      values_(values),
      targets_(plan.feedback().empty() ? std::vector<float>()
                                       : std::vector<float>(values.begin(), values.end())),
      errors_(std::min(kBlock, n_) * m_) {}

void SicFeedback::run(const RoundInput& round_input) {
  const std::span<const float> targets = targets_.empty() ? values_ : targets_;
  for (std::uint64_t first = 0; first < n_; first += kBlock) {
    const std::uint64_t end = std::min(first + kBlock, n_);
    for (std::uint64_t k = first; k < end; ++k) {
      if (!targets_.empty()) add_earlier_errors(k, first);
      round_input(k, targets.subspan(k * m_, m_), std::span(errors_).subspan((k - first) * m_, m_));
    }
    if (!targets_.empty()) update_later(first, end);
  }
}

void SicFeedback::add_earlier_errors(std::uint64_t k, std::uint64_t first) {
  float* const target = targets_.data() + k * m_;
  for (std::uint64_t at = 0; at < m_; at += kPiece) {
    const std::uint64_t count = std::min(kPiece, m_ - at);
    for (std::uint64_t i = first; i < k; ++i)
      add_scaled(target + at, errors_.data() + (i - first) * m_ + at, plan_.feedback()[i * n_ + k], count);
  }
}

void SicFeedback::update_later(std::uint64_t first, std::uint64_t end) {
  const auto rest = static_cast<blasint>(n_ - end), m = static_cast<blasint>(m_),
             n = static_cast<blasint>(n_);
  if (rest == 0 || m == 0) return;
  cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, rest, m, static_cast<blasint>(end - first), 1.0f,
              plan_.feedback().data() + first * n_ + end, n, errors_.data(), m, 1.0f,
              targets_.data() + end * m_, m);
}

int exponent_of(std::span<const float> values) {
  float largest = 0;
  for (const float value : values) {
    if (!std::isfinite(value))
      throw base::Error(base::ErrorKind::bad_data,
                        "cannot quantise a weight, it holds values that are not finite",
                        "store it as lossless");
    largest = std::max(largest, std::abs(value));
  }
  return largest == 0 ? 0 : std::ilogb(largest) + 1;
}

}  // namespace tt::tensor
