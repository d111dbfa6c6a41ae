#include "codec/code_model.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace tt::codec {
namespace {

constexpr std::int32_t kSeen = 32;               // what one occurrence adds to a count
constexpr std::int32_t kPrior = 1024;            // sum of the counts before the first occurrence
constexpr std::int32_t kForget = 60000 * kSeen;  // counts are halved above this sum
constexpr std::uint64_t kLongestWait = 4096;     // elements between two adaptations
constexpr int kMaxShift = 26;                    // 2^31 >> 26 is the escape
constexpr float kGroupPrior = 4;
constexpr float kLargestPrediction = 1 << 21;
constexpr float kRounder = 3 << 22;             // x + r - r rounds x to the nearest integer, ties to even
constexpr int kLowestTilt = (127 - 5) * 2;      // sign class 0 ends at 2^-4.5
constexpr int kLowest = (127 - 10) * 4;  // class 0 begins at 2^-10

// Discretised Laplace distribution with mean magnitude q: P(0) = 1 - t, P(k) = t^(2k-1) (1 - t^2).
void start_table(CodeTable& table, std::uint32_t code_class) {
  const auto bits = static_cast<std::uint32_t>((kLowest + static_cast<int>(code_class)) << 21 | 1 << 20);
  const double q = static_cast<double>(std::bit_cast<float>(bits)) * 0.75;
  const double t = (std::sqrt(1 + 4 * q * q) - 1) / (2 * q);
  const std::uint32_t escape = escape_symbol(code_class);
  double power = t * (1 - t * t) * kPrior;
  table.count[0] = static_cast<std::int32_t>((1 - t) * kPrior);
  for (std::uint32_t s = 1; s <= escape; ++s) {
    table.count[s] = static_cast<std::int32_t>(power);
    power = power * t * t;
  }
}

void rebuild(CodeTable& table, std::uint32_t escape) {
  std::int64_t sum = 0;
  for (const std::int32_t count : table.count) sum += count;
  if (sum > kForget) {
    sum = 0;
    for (std::int32_t& count : table.count) sum += count >>= 1;
  }
  const double scale = static_cast<double>(kCodeTotal - escape - 1) / static_cast<double>(sum);
  std::array<std::int32_t, kMaxSymbol + 1> frequency{};
  for (std::uint32_t s = 0; s <= kMaxSymbol; ++s)
    frequency[s] = static_cast<std::int32_t>(static_cast<double>(table.count[s]) * scale);
  std::uint32_t end = kCodeTotal;
  for (std::uint32_t s = escape; s > 0; --s) {  // symbol 0 gets what rounding leaves
    table.bound[s + 1] = static_cast<std::uint16_t>(end);
    end -= static_cast<std::uint32_t>(frequency[s]) + 1;
  }
  table.bound[1] = static_cast<std::uint16_t>(end);
  for (std::uint32_t s = escape + 2; s < table.bound.size(); ++s) table.bound[s] = 0xffff;
  table.changed = false;
}

CodeContext context_of(float expected) {
  const int at = static_cast<int>(std::bit_cast<std::uint32_t>(expected) >> 21) - kLowest;
  constexpr int last = static_cast<int>(kCodeClasses);
  if (at < last) return {static_cast<std::uint8_t>(std::max(at, 0)), 0};
  return {static_cast<std::uint8_t>(last - 4 + (at & 3)),
          static_cast<std::uint8_t>(std::min((at - last) / 4 + 1, kMaxShift))};
}

std::uint64_t magnitude_estimate(std::uint32_t symbol, std::uint32_t shift) {
  return (std::uint64_t{symbol} << shift) + ((1ull << shift) >> 1);
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
      lanes_(parameters.lanes()),
      period_(parameters.period),
      distance_(parameters.distance),
      row_prior_(parameters.row_prior == 3 ? 1 : 4 << 2 * parameters.row_prior),
      column_prior_(parameters.column_prior == 0 ? 4 : 1),
      initial_(static_cast<double>(initial_scale(parameters.scale))),
      row_scales_(parameters.row_prior != 3),
      predicted_(parameters.predicted),
      column_sum_(cols),
      weight_of_(cols),
      factor_(cols),
      row_share_(cols) {
  for (std::uint32_t c = 0; c < kCodeClasses; ++c) {
    start_table(tables_[c], c);
    rebuild(tables_[c], escape_symbol(c));
  }
  if (!predicted_) return;
  for (std::size_t i = 0; i < kFeatures; ++i) weights_[i] = static_cast<float>(parameters.weights[i]) / 64;
  for (auto* const values : {&mean_, &inverse_mean_, &signed_share_, &skew_}) values->resize(cols);
  column_signed_.resize(cols);
  history_.resize(distance_ + 3);  // the last one stays zero
}

std::uint32_t CodeModel::next_block() {
  if (block_ > 0) end_block();
  if (done_ == rows_) return 0;
  block_ = static_cast<std::uint32_t>(
      std::min<std::uint64_t>({std::max<std::uint64_t>(done_ / 4, 1), rows_ - done_, lanes_}));
  weigh_columns();
  row_sum_.fill(static_cast<float>(row_prior_));
  signed_row_.fill(0);
  return block_;
}

void CodeModel::weigh_columns() {
  const double average =
      (2 * initial_ + static_cast<double>(total_) / static_cast<double>(cols_)) / (weight_ + 2);
  double row_weight = 0, group_weight = 0, signed_weight = 0;
  for (std::uint64_t j = 0; j < cols_; ++j) {
    if (period_ > 0 && j % period_ == 0) group_weight = 0;
    const double sum = static_cast<double>(column_sum_[j]) + column_prior_ * average;
    const double mean = sum / (weight_ + column_prior_);
    const double importance = 1 / (1 + mean);
    weight_of_[j] = static_cast<float>(importance);
    factor_[j] = static_cast<float>(mean * (4.0 / 3) / (group_weight + kGroupPrior));
    row_share_[j] = static_cast<float>(kGroupPrior / (row_weight + row_prior_));
    if (predicted_) {
      mean_[j] = static_cast<float>(mean);
      inverse_mean_[j] = static_cast<float>(1 / mean);
      signed_share_[j] = static_cast<float>(1 / (signed_weight + kGroupPrior));
      skew_[j] = static_cast<float>(static_cast<double>(column_signed_[j]) / sum);
      signed_weight += mean * importance;
    }
    if (row_scales_) row_weight += mean * importance;
    if (period_ > 0) group_weight += mean * importance;
  }
  block_row_weight_ = row_weight;
}

std::span<const CodeContext> CodeModel::contexts(std::uint64_t j) {
  if (period_ == 0 || j % period_ == 0) group_sum_.fill(0);
  const float factor = factor_[j], share = row_share_[j];
  for (std::uint32_t y = 0; y < block_; ++y) {
    expected_[y] = factor * (group_sum_[y] + row_sum_[y] * share);
    contexts_[y] = context_of(expected_[y]);
  }
  if (predicted_) predict(j);
  return std::span(contexts_).first(block_);
}

const CodeModel::Lanes& CodeModel::neighbour(std::uint64_t j, std::uint64_t distance) const {
  const std::uint64_t within = period_ > 0 ? j % period_ : j;
  const std::size_t slots = history_.size() - 1;
  return distance == 0 || distance > within ? history_[slots] : history_[(j - distance) % slots];
}

void CodeModel::predict(std::uint64_t j) {
  const Lanes &left = neighbour(j, 1), &above = neighbour(j, distance_),
              &corner = neighbour(j, distance_ > 0 ? distance_ + 1 : 0);
  for (std::uint32_t y = 0; y < block_; ++y) {
    const float around = weights_[0] * left[y] + weights_[1] * above[y] + weights_[2] * corner[y] +
                         weights_[3] * (signed_row_[y] * signed_share_[j]);
    const float wanted = mean_[j] * around + expected_[y] * (weights_[4] * skew_[j]);
    const float value = std::clamp(wanted, -kLargestPrediction, kLargestPrediction);
    rounded_[y] = (value + kRounder) - kRounder;
    rest_[y] = value - rounded_[y];
  }
}

std::array<float, kFeatures> CodeModel::features(std::uint64_t j, std::uint32_t y) const {
  return {neighbour(j, 1)[y], neighbour(j, distance_)[y],
          neighbour(j, distance_ > 0 ? distance_ + 1 : 0)[y], signed_row_[y] * signed_share_[j],
          expected_[y] * skew_[j] * inverse_mean_[j]};
}

SignContext CodeModel::sign_context(std::uint32_t y, std::uint32_t symbol) const {
  const CodeContext context = contexts_[y];
  const auto value = static_cast<float>(magnitude_estimate(symbol, context.shift));
  const float tilt = std::abs(rest_[y]) * value / (expected_[y] * expected_[y]);
  const int at = static_cast<int>(std::bit_cast<std::uint32_t>(tilt) >> 22) - kLowestTilt;
  return {static_cast<std::uint32_t>(std::clamp(at, 0, static_cast<int>(kSignClasses) - 1)), rest_[y] < 0};
}

void CodeModel::learn(std::uint64_t j, std::span<const std::uint8_t> symbols, std::span<const bool> negative) {
  const float weight = weight_of_[j], row_weight = row_scales_ ? weight : 0;
  if (predicted_) learn_signed(j, symbols, negative);
  std::uint64_t sum = 0;
  for (std::uint32_t y = 0; y < block_; ++y) {
    const CodeContext context = contexts_[y];
    CodeTable& table = tables_[context.code_class];
    table.count[symbols[y]] += kSeen;
    table.changed = true;
    const std::uint64_t magnitude = magnitude_estimate(symbols[y], context.shift);
    sum += magnitude;
    const auto value = static_cast<float>(magnitude);
    row_sum_[y] += value * row_weight;
    group_sum_[y] += value * weight;
  }
  column_sum_[j] += sum;
  total_ += sum;
  pending_ += block_;
  if (pending_ >= adapt_after_) adapt();
}

void CodeModel::learn_signed(std::uint64_t j, std::span<const std::uint8_t> symbols,
                             std::span<const bool> negative) {
  Lanes& now = history_[j % (history_.size() - 1)];
  std::int64_t sum = 0;
  for (std::uint32_t y = 0; y < block_; ++y) {
    const auto magnitude = static_cast<std::int64_t>(magnitude_estimate(symbols[y], contexts_[y].shift));
    const std::int64_t code = prediction(y) + (negative[y] ? -magnitude : magnitude);
    sum += code;
    const auto value = static_cast<float>(code);
    now[y] = std::clamp(value * inverse_mean_[j], -4.0f, 4.0f);
    signed_row_[y] += value * weight_of_[j];
    if (symbols[y] == 0) continue;
    const SignContext context = sign_context(y, symbols[y]);
    SignTable& table = signs_[context.sign_class];
    ++table.seen;
    table.agreed += context.negative == negative[y] ? 1 : 0;
  }
  column_signed_[j] += sum;
}

void CodeModel::adapt() {
  pending_ = 0;
  adapt_after_ = std::min(adapt_after_ + adapt_after_ / 4, kLongestWait);
  for (std::uint32_t c = 0; c < kCodeClasses; ++c)
    if (tables_[c].changed) rebuild(tables_[c], escape_symbol(c));
  for (SignTable& table : signs_)
    table.frequency = static_cast<std::uint32_t>((table.agreed + 8.0) / (table.seen + 16.0) * (kCodeTotal - 2)) + 1;
}

void CodeModel::end_block() {
  double rows = 0;
  for (std::uint32_t y = 0; y < block_; ++y)
    rows += static_cast<double>(row_sum_[y]) / (block_row_weight_ + row_prior_);
  weight_ += rows;
  done_ += block_;
}

}  // namespace tt::codec
