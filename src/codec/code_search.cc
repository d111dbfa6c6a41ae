#include "codec/code_search.h"

#include <bit>
#include <cmath>
#include <vector>

#include "codec/code_bits.h"
#include "codec/code_stream.h"
#include "codec/code_walk.h"

namespace tt::codec {
namespace {

constexpr std::uint64_t kChoosingCodes = 1u << 15;    // enough to tell parameters apart
constexpr std::uint64_t kGuessingCodes = 1u << 13;    // enough where only the size is wanted
constexpr std::uint64_t kEstimatingCodes = 1u << 20;  // enough for 2 % of the size

constexpr std::uint64_t kFewestRows = 4;  // to learn from one row for the next

constexpr double kWorthPredicting = 0.9975;  // it halves the speed of decoding

// log2(2^15 / f): exact below 1024, in the middle of 32 frequencies above.
double bits_of(std::uint32_t frequency) {
  static const std::vector<float> table = [] {
    std::vector<float> values(2048 + 1);
    for (std::uint32_t i = 1; i < values.size(); ++i) {
      const double middle = i < 1024 ? i : i < 2048 ? (i - 1024) * 32 + 16 : kCodeTotal;
      values[i] = static_cast<float>(kCodeBits - std::log2(middle));
    }
    return values;
  }();
  return static_cast<double>(table[frequency < 1024 ? frequency : 1024 + frequency / 32]);
}

double element_bits(const CodeModel& model, const CodeElement& element) {
  double bits = bits_of(model.table(element.context).frequency(element.symbol)) + element.context.shift;
  if (element.symbol == element.escape()) bits += gamma_size(element.escaped());
  if (model.trellis() && element.has_parity() && !element.context.folded()) bits += 1;  // beside a sign
  if (!element.has_sign()) return bits;
  if (!model.predicted()) return bits + 1;
  const std::uint32_t likely = model.sign_table(element.lane, element.symbol).likely();
  return bits +
         bits_of(model.likely_negative(element.lane) == element.negative ? likely : kCodeTotal - likely);
}

// Bits of a matrix, and of those the bits of its second half.
struct Cost {
  double bits = 0, second_half = 0;
};

Cost cost(const CodeMatrix& matrix, const CodeParameters& parameters) {
  Cost cost;
  std::uint64_t done = 0;
  const auto take = [&](const CodeModel& model, std::span<const CodeElement> elements) {
    double bits = 0;
    for (const CodeElement& element : elements) bits += element_bits(model, element);
    cost.bits += bits;
    if (2 * done >= matrix.codes.size()) cost.second_half += bits;
    done += elements.size();
  };
  walk_codes(matrix, parameters, take, [] {});
  return cost;
}

// Header and lanes. Without plain signs there is nothing to fill the lanes' last 16 bits with.
double fixed_bits(const CodeParameters& parameters) {
  base::Bytes header;
  write_code_header(parameters, header);
  const double lane = parameters.predicted ? 24 : 8;
  return 8.0 * static_cast<double>(header.size()) + lane * parameters.lanes();
}

// Whole rows that are spread over the matrix, and so are those of each half.
class Sample {
 public:
  Sample(const CodeMatrix& matrix, std::uint64_t wanted) : whole_(matrix.codes.size()), rows_(matrix.rows) {
    rows_ = std::clamp<std::uint64_t>(wanted / matrix.cols, std::min(kFewestRows, matrix.rows), matrix.rows);
    view_ = {rows_, matrix.cols, matrix.codes, matrix.trellis};
    if (rows_ == matrix.rows) return;
    for (std::uint64_t i = 0; i < rows_; i += 2) add(matrix, i);
    for (std::uint64_t i = 1; i < rows_; i += 2) add(matrix, i);
    view_.codes = codes_;
  }
  const CodeMatrix& view() const { return view_; }
  // Bits of the whole matrix: past the sample they cost what its second half does, learning is over by then.
  double extrapolate(const Cost& cost) const {
    const auto size = static_cast<double>(view_.codes.size());
    return cost.bits + cost.second_half * (static_cast<double>(whole_) - size) / (size / 2);
  }

 private:
  void add(const CodeMatrix& matrix, std::uint64_t i) {
    const auto row = matrix.codes.subspan(i * matrix.rows / rows_ * matrix.cols, matrix.cols);
    codes_.insert(codes_.end(), row.begin(), row.end());
  }

  std::uint64_t whole_, rows_;
  std::vector<std::int32_t> codes_;
  CodeMatrix view_;
};

// Distances that are tried; 0 is always allowed.
constexpr std::array<std::uint8_t, 5> kDistances = {0, 3, 5, 7, 28};

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

// `parameters` with the weights for each of the first `distances` distances, by a pass in which nothing is
// predicted.
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

// Tries one parameter after the other and keeps what makes the whole matrix smaller.
class Search {
 public:
  Search(const CodeMatrix& matrix, std::uint64_t codes) : sample_(matrix, codes) {
    double sum = 0;
    for (const std::int32_t code : sample_.view().codes) sum += std::abs(static_cast<double>(code));
    best_.trellis = matrix.trellis;
    if (matrix.trellis) sum /= 2;
    best_.scale = nearest_scale(sum / static_cast<double>(sample_.view().codes.size()));
    best_.lanes_log2 = 4;
    bits_ = bits_with(best_);
    best_.lanes_log2 = lanes_for(bits_);
    bits_ = bits_with(best_);
  }
  CodeParameters run() {
    for (std::uint8_t prior = 1; prior < 4; ++prior) try_with([&](auto& p) { p.row_prior = prior; });
    try_with([](auto& p) { p.column_prior = 1; });
    if (!best_.trellis) try_neighbours();
    best_.lanes_log2 = lanes_for(best_.predicted ? bits_ / 2 : bits_);
    return best_;
  }

 private:
  // Groups of columns, and what neighbours in a row tell.
  void try_neighbours() {
    const CodeMatrix& view = sample_.view();
    for (const std::uint32_t period : {3u, 4u, 9u, 16u, 25u, 49u})
      if (period < view.cols && view.cols % period == 0) try_with([&](auto& p) { p.period = period; });
    const std::uint64_t reach = best_.period > 0 ? best_.period : view.cols;
    std::size_t distances = 1;
    while (distances < kDistances.size() && kDistances[distances] < reach) ++distances;
    for (const CodeParameters& candidate : fit_weights(view, best_, distances))
      keep(candidate, best_.predicted ? 1 : kWorthPredicting);
  }
  static std::uint8_t lanes_for(double bits) {
    const auto lanes = static_cast<std::uint64_t>(bits / 8 / 1024);
    return static_cast<std::uint8_t>(std::bit_width(std::clamp<std::uint64_t>(lanes, 1, kMaxLanes)) - 1);
  }
  double bits_with(const CodeParameters& parameters) const {
    return fixed_bits(parameters) + sample_.extrapolate(cost(sample_.view(), parameters));
  }
  template <typename Change>
  void try_with(const Change& change) {
    CodeParameters candidate = best_;
    change(candidate);
    keep(candidate);
  }
  void keep(const CodeParameters& candidate, double below = 1) {
    const double bits = bits_with(candidate);
    if (bits < below * bits_) best_ = candidate, bits_ = bits;
  }

  Sample sample_;
  CodeParameters best_;
  double bits_ = 0;
};

CodeParameters choose(const CodeMatrix& matrix, std::uint64_t codes) {
  if (std::all_of(matrix.codes.begin(), matrix.codes.end(), [](std::int32_t code) { return code == 0; }))
    return {};
  return Search(matrix, codes).run();
}

}  // namespace

CodeParameters choose_parameters(const CodeMatrix& matrix) {
  return choose(matrix, kChoosingCodes);
}

double estimate_bits(const CodeMatrix& matrix) {
  if (matrix.codes.empty()) return 0;
  const CodeParameters parameters = choose(matrix, kGuessingCodes);
  if (parameters.scale == 0) return 8;
  const Sample sample(matrix, kEstimatingCodes);
  return fixed_bits(parameters) + sample.extrapolate(cost(sample.view(), parameters));
}

}  // namespace tt::codec
