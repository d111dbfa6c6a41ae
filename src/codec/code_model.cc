#include "codec/code_model.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace tt::codec {
namespace {

constexpr std::uint64_t kLongestWait = 4096;     // elements between two adaptations
constexpr std::uint64_t kBlockCodes = 1u << 20;  // bounds the memory for wide matrices
constexpr float kGroupPrior = 4;
constexpr std::int32_t kLowest = (127 - 10) * 4;  // see class_begin()
constexpr std::int32_t kMaxShift = 25;            // codes of 2^31 are escapes then
constexpr std::int32_t kHighest = static_cast<std::int32_t>(kCodeClasses) - 1 + 4 * kMaxShift;
constexpr float kLargestPrediction = 1 << 21;
constexpr float kRounder = 3 << 22;  // x + r - r rounds x to the nearest integer, ties to even
constexpr std::int32_t kLowestTilt = (127 - 5) * 2;  // sign class 0 ends at 2^-4.5

CodeTables make_tables() {
  CodeTables tables;
  for (std::uint32_t c = 0; c < kCodeClasses; ++c)
    for (const bool odd : {false, true}) tables[table_of(c, odd)].reset(c, odd);
  return tables;
}

}  // namespace

float initial_scale(std::uint8_t scale) {
  return std::bit_cast<float>((static_cast<std::uint32_t>(scale) + (127 - 32) * 4) << 21);
}

std::uint8_t nearest_scale(double mean) {
  std::uint8_t best = 1;
  while (best < 255 && static_cast<double>(initial_scale(best)) * 1.09 < mean) ++best;
  return best;
}

CodeModel::CodeModel(const CodeParameters& parameters, std::uint64_t rows, std::uint64_t cols)
    : rows_(rows),
      cols_(cols),
      lanes_(std::min<std::uint64_t>(parameters.lanes(), std::max<std::uint64_t>(kBlockCodes / cols, 1))),
      period_(parameters.period),
      distance_(parameters.distance),
      row_prior_(parameters.row_prior == 3 ? 1 : 4 << 2 * parameters.row_prior),
      column_prior_(parameters.column_prior == 0 ? 4 : 1),
      initial_(static_cast<double>(initial_scale(parameters.scale))),
      row_scales_(parameters.row_prior != 3),
      trellis_(parameters.trellis),
      predicted_(parameters.predicted),
      sums_(cols),
      columns_(cols) {
  static const CodeTables fresh = make_tables();
  tables_ = fresh;
  if (!predicted_) return;
  for (std::size_t i = 0; i < kFeatures; ++i) weights_[i] = static_cast<float>(parameters.weights[i]) / 64;
  history_.resize(distance_ + 3);
}

std::uint32_t CodeModel::next_block() {
  for (std::uint32_t y = 0; y < block_; ++y)
    weight_ += static_cast<double>(row_sum_[y]) / (block_row_weight_ + row_prior_);
  done_ += block_;
  block_ =
      static_cast<std::uint32_t>(std::min({std::max<std::uint64_t>(done_ / 4, 1), rows_ - done_, lanes_}));
  if (block_ > 0) weigh_columns();
  row_sum_.fill(static_cast<float>(row_prior_));
  signed_row_.fill(0);
  state_.fill(0);
  return block_;
}

void CodeModel::weigh_columns() {
  const double average = (2 * initial_ + total_ / static_cast<double>(cols_)) / (weight_ + 2);
  double row_weight = 0, group_weight = 0, all_weight = 0;
  for (std::uint64_t j = 0; j < cols_; ++j) {
    if (period_ > 0 && j % period_ == 0) group_weight = 0;
    Column& column = columns_[j];
    const double sum = sums_[j].magnitudes + column_prior_ * average;
    const double mean = sum / (weight_ + column_prior_);
    const double importance = 1 / (1 + mean);
    column.weight = static_cast<float>(importance);
    column.factor = static_cast<float>(mean * (4.0 / 3) / (group_weight + kGroupPrior));
    column.row_share = static_cast<float>(kGroupPrior / (row_weight + row_prior_));
    if (predicted_) {
      column.mean = static_cast<float>(mean);
      column.inverse_mean = static_cast<float>(1 / mean);
      column.signed_share = static_cast<float>(1 / (all_weight + kGroupPrior));
      column.skew = static_cast<float>(static_cast<double>(sums_[j].codes) / sum);
    }
    all_weight += mean * importance;
    if (row_scales_) row_weight += mean * importance;
    if (period_ > 0) group_weight += mean * importance;
  }
  block_row_weight_ = row_weight;
}

void CodeModel::enter(std::uint64_t j) {
  j_ = j;
  if (period_ > 0 && j % period_ == 0) group_sum_.fill(0);
  const float factor = columns_[j].factor, share = columns_[j].row_share;
  const float *const group = group_sum_.data(), *const row = row_sum_.data();
  float* const expected = expected_.data();
  std::int32_t *const shift = shift_.data(), *const code_class = class_.data();
  const std::uint32_t height = block_;
  for (std::uint32_t y = 0; y < height; ++y) expected[y] = factor * (group[y] + row[y] * share);
  for (std::uint32_t y = 0; y < height; ++y) {
    std::int32_t at = static_cast<std::int32_t>(std::bit_cast<std::uint32_t>(expected[y]) >> 21) - kLowest;
    at = at < 0 ? 0 : at;
    at = at > kHighest ? kHighest : at;
    const std::int32_t over = (at - static_cast<std::int32_t>(kCodeClasses) + 4) >> 2;
    shift[y] = over > 0 ? over : 0;
    code_class[y] = at - 4 * shift[y];
  }
  if (predicted_) predict();
}

const float* CodeModel::neighbour(std::uint64_t distance) const {
  const std::uint64_t within = period_ > 0 ? j_ % period_ : j_;
  const std::size_t slots = history_.size() - 1;
  const std::size_t slot = distance == 0 || distance > within ? slots : (j_ - distance) % slots;
  return history_[slot].data();
}

void CodeModel::predict() {
  const float *const left = neighbour(1), *const above = neighbour(distance_),
                     *const corner = neighbour(distance_ > 0 ? distance_ + 1 : 0);
  const Column column = columns_[j_];
  const auto [w_left, w_above, w_corner, w_row, w_column] = weights_;
  const float *const row = signed_row_.data(), *const expected = expected_.data();
  float *const rest = rest_.data(), *const tilt = tilt_.data();
  std::int32_t* const prediction = prediction_.data();
  const float by_skew = w_column * column.skew;
  const std::uint32_t height = block_;
  for (std::uint32_t y = 0; y < height; ++y) {
    const float around =
        w_left * left[y] + w_above * above[y] + w_corner * corner[y] + w_row * (row[y] * column.signed_share);
    float wanted = column.mean * around + expected[y] * by_skew;
    wanted = wanted > kLargestPrediction ? kLargestPrediction : wanted;
    wanted = wanted < -kLargestPrediction ? -kLargestPrediction : wanted;
    const float rounded = (wanted + kRounder) - kRounder;
    rest[y] = wanted - rounded;
    prediction[y] = static_cast<std::int32_t>(rounded);
    tilt[y] = std::abs(rest[y]) / (expected[y] * expected[y]);
  }
}

std::array<float, kFeatures> CodeModel::features(std::uint32_t y, std::uint64_t distance) const {
  const Column& column = columns_[j_];
  return {neighbour(1)[y], neighbour(distance)[y], neighbour(distance > 0 ? distance + 1 : 0)[y],
          signed_row_[y] * column.signed_share, expected_[y] * column.skew * column.inverse_mean};
}

std::uint32_t CodeModel::sign_class(std::uint32_t y, std::int32_t magnitude) const {
  const float tilt = tilt_[y] * static_cast<float>(magnitude);
  const auto at = static_cast<std::int32_t>(std::bit_cast<std::uint32_t>(tilt) >> 22) - kLowestTilt;
  return static_cast<std::uint32_t>(std::clamp(at, 0, static_cast<std::int32_t>(kSignClasses) - 1));
}

void CodeModel::learn(const CodeColumn& column) {
  const std::uint8_t* const symbols = column.symbols.data();
  CodeTable* const tables = tables_.data();
  for (std::uint32_t y = 0; y < block_; ++y) {
    tables[table_of(static_cast<std::uint32_t>(class_.data()[y]), tensor::takes_odd(state_.data()[y]))].count(
        symbols[y]);
    magnitude_.data()[y] = middle(y, symbols[y]);
  }
  const float weight = columns_[j_].weight, row_weight = row_scales_ ? weight : 0,
              group_weight = period_ > 0 ? weight : 0;
  const std::int32_t* const magnitude = magnitude_.data();
  float *const row = row_sum_.data(), *const group = group_sum_.data();
  const std::uint32_t height = block_;
  const std::uint32_t* const state = state_.data();
  std::uint64_t halves = 0;
  for (std::uint32_t y = 0; y < height; ++y) {
    const std::uint32_t odd = state[y] & 1;
    const float value = static_cast<float>(magnitude[y]) + 0.5f * static_cast<float>(odd);
    row[y] += value * row_weight;
    group[y] += value * group_weight;
    halves += 2 * std::uint64_t{static_cast<std::uint32_t>(magnitude[y])} + odd;
  }
  sums_[j_].magnitudes += static_cast<double>(halves) / 2;
  total_ += static_cast<double>(halves) / 2;
  if (predicted_) learn_signed(column);
  if (trellis_) follow_trellis(column);
  pending_ += block_;
  if (pending_ >= adapt_after_) adapt();
}

void CodeModel::learn_signed(const CodeColumn& column) {
  for (std::uint32_t y = 0; y < block_; ++y)
    if (context(y).has_sign(column.symbols[y]))
      signs_[sign_class(y, magnitude_[y])].count(likely_negative(y) == (column.negative[y] != 0));
  float* const now = history_[j_ % (history_.size() - 1)].data();
  const float weight = columns_[j_].weight, inverse_mean = columns_[j_].inverse_mean;
  const std::int32_t *const magnitude = magnitude_.data(), *const prediction = prediction_.data();
  const std::uint8_t* const negative = column.negative.data();
  float* const row = signed_row_.data();
  const std::uint32_t height = block_;
  std::int64_t sum = 0;
  for (std::uint32_t y = 0; y < height; ++y) {
    const std::int32_t code = prediction[y] + (negative[y] != 0 ? -magnitude[y] : magnitude[y]);
    sum += code;
    const auto value = static_cast<float>(code);
    float scaled = value * inverse_mean;
    scaled = scaled > 4 ? 4 : scaled;
    now[y] = scaled < -4 ? -4 : scaled;
    row[y] += value * weight;
  }
  sums_[j_].codes += sum;
}

void CodeModel::follow_trellis(const CodeColumn& column) {
  const std::uint8_t* const parity = column.parity.data();
  std::uint32_t* const state = state_.data();
  for (std::uint32_t y = 0; y < block_; ++y) state[y] = tensor::next_state(state[y], parity[y] != 0);
}

void CodeModel::adapt() {
  pending_ = 0;
  adapt_after_ = std::min(adapt_after_ + adapt_after_ / 4, kLongestWait);
  for (CodeTable& table : tables_) table.adapt();
  for (SignTable& table : signs_) table.adapt();
}

}  // namespace tt::codec
