#include "tensor/mode_profile.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "tensor/dtype.h"
#include "tensor/gram.h"
#include "tensor/row_gram.h"
#include "tensor/truncation.h"

namespace tt::tensor {
namespace {

constexpr std::uint64_t kPanel = std::uint64_t{1} << 16;  // elements

// Values as [before, size, after] in C order.
struct View {
  std::span<const float> values;
  std::uint64_t before, size, after;
};

std::vector<double> gram_of_mode(const View& view) {
  std::vector<double> gram(view.size * view.size);
  const std::uint64_t rows = view.before * view.after, step = std::max<std::uint64_t>(kPanel / view.size, 16);
  std::vector<float> panel;
  for (std::uint64_t start = 0; start < rows; start += step) {
    const std::uint64_t count = std::min(step, rows - start);
    panel.resize(count * view.size);
    for (std::uint64_t row = 0; row < count; ++row) {
      const std::uint64_t before = (start + row) / view.after, after = (start + row) % view.after;
      const float* from = view.values.data() + before * view.size * view.after + after;
      for (std::uint64_t i = 0; i < view.size; ++i) panel[row * view.size + i] = from[i * view.after];
    }
    add_row_gram(panel, count, view.size, gram);
  }
  for (std::uint64_t i = 0; i < view.size; ++i)
    for (std::uint64_t j = 0; j < i; ++j) gram[i * view.size + j] = gram[j * view.size + i];
  return gram;
}

double variance_share(const View& view) {
  std::vector<double> sums(view.size);
  for (std::uint64_t before = 0; before < view.before; ++before)
    for (std::uint64_t i = 0; i < view.size; ++i) {
      const float* from = view.values.data() + (before * view.size + i) * view.after;
      sums[i] = std::accumulate(from, from + view.after, sums[i]);
    }
  const double slice = static_cast<double>(view.before * view.after), size = static_cast<double>(view.size);
  const double mean = std::accumulate(sums.begin(), sums.end(), 0.0) / (slice * size);
  double between = 0;
  for (const double sum : sums) between += (sum / slice - mean) * (sum / slice - mean) / size;
  const double whole = squared_norm(view.values) / (slice * size) - mean * mean;
  return whole > 0 ? std::clamp(between / whole, 0.0, 1.0) : 0;
}

void correlate(const std::vector<double>& gram, ModeProfile& profile) {
  const std::uint64_t n = profile.size;
  double sum = 0;
  for (std::uint64_t i = 0; i < n; ++i)
    for (std::uint64_t j = i + 1; j < n; ++j) {
      const double scale = std::sqrt(gram[i * n + i] * gram[j * n + j]);
      const double cosine = scale > 0 ? std::clamp(gram[i * n + j] / scale, -1.0, 1.0) : 0;
      sum += std::abs(cosine);
      if (std::abs(cosine) <= std::abs(profile.largest_correlation)) continue;
      profile.largest_correlation = cosine;
      profile.first = i;
      profile.second = j;
    }
  profile.mean_correlation = 2 * sum / static_cast<double>(n * (n - 1));
}

void decompose(std::vector<double> gram, const View& view, ModeProfile& profile) {
  Eigen eigen = eigen_of(std::move(gram), view.size, true);
  profile.spectrum.energy = std::move(eigen.values);
  for (double& energy : profile.spectrum.energy) energy = std::max(energy, 0.0);
  profile.spectrum.total = squared_norm(view.values);
  if (!(profile.spectrum.total > 0)) return;
  eigen.vectors.resize(view.size);
  fix_signs(eigen.vectors, view.size);
  profile.direction = std::move(eigen.vectors);
}

}  // namespace

std::vector<ModeProfile> mode_profiles(std::span<const float> values,
                                       const std::vector<std::uint64_t>& modes) {
  if (element_count(modes) != values.size())
    throw base::Error(base::ErrorKind::bad_data, "modes " + shape_text(modes) + " do not hold " +
                                                     std::to_string(values.size()) + " elements");
  std::vector<ModeProfile> profiles;
  std::uint64_t before = 1;
  for (std::size_t k = 0; k < modes.size() && !values.empty(); before *= modes[k++]) {
    if (modes[k] < 2 || modes[k] > kMaxMode) continue;
    const View view{values, before, modes[k], values.size() / before / modes[k]};
    ModeProfile profile{.mode = k, .size = modes[k], .variance_share = variance_share(view)};
    std::vector<double> gram = gram_of_mode(view);
    correlate(gram, profile);
    decompose(std::move(gram), view, profile);
    profiles.push_back(std::move(profile));
  }
  return profiles;
}

}  // namespace tt::tensor
