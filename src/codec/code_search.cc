#include "codec/code_search.h"

#include <bit>
#include <cmath>
#include <vector>

#include "codec/code_cost.h"
#include "codec/code_fit.h"
#include "codec/code_stream.h"

namespace tt::codec {
namespace {

constexpr std::uint64_t kChoosingCodes = 1u << 15;    // enough to tell parameters apart
constexpr std::uint64_t kGuessingCodes = 1u << 13;    // enough where only the size is wanted
constexpr std::uint64_t kEstimatingCodes = 1u << 20;  // enough for 2 % of the size

constexpr std::uint64_t kFewestRows = 4;  // to learn from one row for the next

constexpr double kWorthPredicting = 0.9975;  // it halves the speed of decoding

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
    return fixed_bits(parameters) + sample_.extrapolate(cost_of(sample_.view(), parameters));
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
  return fixed_bits(parameters) + sample.extrapolate(cost_of(sample.view(), parameters));
}

}  // namespace tt::codec
