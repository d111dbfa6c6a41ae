#include "codec/code_fit.h"

#include <algorithm>
#include <cmath>

#include "codec/code_walk.h"

namespace tt::codec {
namespace {

// Normal equations of the least squares that predict codes from the features of all distances at once: those
// of one distance are a part of them. The upper triangle of features^T features and, last, features^T wanted.
class Fit {
 public:
  explicit Fit(std::size_t distances) : size_(3 + 2 * (distances - 1)) {}

  void add(const CodeModel& model, std::uint32_t lane, double wanted) {
    for (std::size_t d = 1; 2 * d + 1 < size_; ++d) {
      const auto features = model.features(lane, kDistances[d]);
      row_[2 * d + 1] = static_cast<double>(features[1]);
      row_[2 * d + 2] = static_cast<double>(features[2]);
    }
    const auto features = model.features(lane, 0);
    row_[0] = static_cast<double>(features[0]);
    row_[1] = static_cast<double>(features[3]);
    row_[2] = static_cast<double>(features[4]);
    row_[size_] = wanted;
    for (std::size_t a = 0; a < size_; ++a)
      for (std::size_t b = a; b <= size_; ++b) sums_[a][b] += row_[a] * row_[b];
  }

  // For the d-th distance, by elimination; the ridge keeps it regular.
  std::array<double, kFeatures> solve(std::size_t d, double ridge) const {
    auto rows = equations(d);
    for (std::size_t a = 0; a < kFeatures; ++a) rows[a][a] += ridge;
    for (std::size_t a = 0; a < kFeatures; ++a)
      for (std::size_t other = 0; other < kFeatures; ++other) {
        if (other == a) continue;
        const double factor = rows[other][a] / rows[a][a];
        for (std::size_t b = 0; b <= kFeatures; ++b) rows[other][b] -= factor * rows[a][b];
      }
    std::array<double, kFeatures> weights{};
    for (std::size_t a = 0; a < kFeatures; ++a) weights[a] = rows[a][kFeatures] / rows[a][a];
    return weights;
  }

 private:
  static constexpr std::size_t kMost = 3 + 2 * (kDistances.size() - 1);

  std::array<std::array<double, kFeatures + 1>, kFeatures> equations(std::size_t d) const {
    const std::array<std::size_t, kFeatures + 1> places = {0, 2 * d + 1, 2 * d + 2, 1, 2, size_};
    std::array<std::array<double, kFeatures + 1>, kFeatures> rows{};
    for (std::size_t a = 0; a < kFeatures; ++a)
      for (std::size_t b = 0; b <= kFeatures; ++b)
        if (d > 0 || ((a < 1 || a > 2) && (b < 1 || b > 2)))  // distance 0 has no second neighbours
          rows[a][b] = sums_[std::min(places[a], places[b])][std::max(places[a], places[b])];
    return rows;
  }

  std::size_t size_;
  std::array<double, kMost + 1> row_{};
  std::array<std::array<double, kMost + 1>, kMost> sums_{};
};

}  // namespace

std::vector<CodeParameters> fit_weights(const CodeMatrix& sample, CodeParameters parameters,
                                        std::size_t distances) {
  parameters.predicted = true;
  parameters.weights.fill(0);
  parameters.distance = kDistances[distances - 1];
  Fit fit(distances);
  const auto take = [&](const CodeModel& model, std::span<const CodeElement> elements) {
    for (const CodeElement& element : elements) {
      const auto code = static_cast<double>(element.context.residual(element.magnitude, element.negative));
      fit.add(model, element.lane, std::clamp(code * static_cast<double>(model.unit()), -4.0, 4.0));
    }
  };
  walk_codes(sample, parameters, take, [] {});
  std::vector<CodeParameters> fitted;
  for (std::size_t d = 0; d < distances; ++d) {
    const auto weights = fit.solve(d, 1e-3 * static_cast<double>(sample.codes.size()) + 1);
    parameters.distance = kDistances[d];
    for (std::size_t i = 0; i < kFeatures; ++i)
      parameters.weights[i] =
          static_cast<std::int8_t>(std::lround(std::clamp(64 * weights[i], -127.0, 127.0)));
    fitted.push_back(parameters);
  }
  return fitted;
}

}  // namespace tt::codec
