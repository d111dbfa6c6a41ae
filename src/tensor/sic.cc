#include "tensor/sic.h"

#include <cblas.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "tensor/sic_column.h"
#include "tensor/sic_feedback.h"
#include "tensor/trellis_column.h"

namespace tt::tensor {
namespace {

constexpr double kRange = 0x1p100;  // largest ratio of two steps
// Below it (values are below 1) steps are powers of two: code times step is then the value itself, or as near
// to it as a float with 24 bits can be, where any other step would add a rounding as large as its own.
constexpr double kFinest = 0x1p-22;
constexpr double kTrellisRoom = 16;  // odd codes cannot be zero: -1 or 1 must not be too large for the type

double sum_of_squares(std::span<const float> values) {
  double sums[4] = {0, 0, 0, 0};
  for (std::size_t i = 0; i < values.size(); ++i) sums[i & 3] += double{values[i]} * values[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// The code of the grid's step next to `ratio` >= 1 times the smallest one, by their ratio.
std::uint32_t step_code_of(double ratio) {
  int exponent = 0;
  const double fraction = 2 * std::frexp(ratio, &exponent);  // in [1, 2)
  const double eighths = std::floor((fraction - 1) * 8);
  const double low = 8 + eighths, here = fraction * 8;
  const bool up = here * here > low * (low + 1);
  return 1 + 8 * static_cast<std::uint32_t>(exponent - 1) + static_cast<std::uint32_t>(eighths) +
         (up ? 1 : 0);
}

// One run of the algorithm.
class Run {
 public:
  Run(const SicPlan& plan, std::uint64_t outputs, const std::vector<float>& values, const SicOptions& options)
      : plan_(plan),
        n_(plan.size()),
        m_(outputs),
        originals_(values),
        options_(options),
        trellis_(options.price / (kTrellisStep * kTrellisStep), options.run) {}

  // `s` and options.limit in the units of `values`; fills all but the scale's power of two and the ratios.
  void operator()(double s, SicCodes& out);
  double damped_error() const { return damped_error_; }
  double squared_error() const { return squared_error_; }

 private:
  void set_steps(double s, SicCodes& out) const;
  void set_fine_steps(double smallest, double largest_gain, SicCodes& out) const;
  void round_input(std::uint64_t k, std::span<const float> targets, std::span<float> errors, SicCodes& out);
  Thresholds thresholds(std::span<const float> targets, ColumnRule rule) const;
  ColumnResult round_column(std::span<const float> targets, std::span<const float> originals, ColumnRule rule,
                            std::span<std::int32_t> codes, std::span<float> errors);

  const SicPlan& plan_;
  std::uint64_t n_, m_;
  std::span<const float> originals_;
  SicOptions options_;
  TallyPrior prior_;
  TrellisColumns trellis_;
  double damped_error_ = 0, squared_error_ = 0;
};

// Powers of two whose logarithms are the wished ones in the mean over the inputs: the fraction of each
// decides how many inputs are rounded up, spread by the golden ratio.
void Run::set_fine_steps(double smallest, double largest_gain, SicCodes& out) const {
  const double lowest = std::floor(std::log2(smallest));
  out.scale = static_cast<float>(std::exp2(lowest) / 8);
  out.step_codes.resize(n_);
  for (std::uint64_t k = 0; k < n_; ++k) {
    const double spread = std::fmod((static_cast<double>(k) + 0.5) * 0.6180339887498949, 1);
    const double wished = std::log2(smallest) + std::log2(std::min(largest_gain / plan_.gains()[k], kRange));
    const double octaves = std::max(0.0, std::floor(wished - lowest + spread));
    out.step_codes[plan_.order()[k]] = 1 + 8 * static_cast<std::uint32_t>(octaves);
  }
}

void Run::set_steps(double s, SicCodes& out) const {
  const std::vector<double>& gains = plan_.gains();
  const double largest = *std::max_element(gains.begin(), gains.end());
  const double smallest = (options_.run > 0 ? double{kTrellisStep} : 1) * s / largest;
  if (smallest < kFinest) return set_fine_steps(smallest, largest, out);
  out.scale = static_cast<float>(plan_.uniform() ? smallest : smallest / 8);
  if (plan_.uniform()) return;
  out.step_codes.resize(n_);
  for (std::uint64_t k = 0; k < n_; ++k)
    out.step_codes[plan_.order()[k]] = step_code_of(std::min(largest / gains[k], kRange));
}

Thresholds Run::thresholds(std::span<const float> targets, ColumnRule rule) const {
  for (int round = 0; round < 2 && options_.price > 0; ++round)
    rule.thresholds = cheapest(prior_.with(tally_of(targets, rule)), options_.price);
  return rule.thresholds;
}

ColumnResult Run::round_column(std::span<const float> targets, std::span<const float> originals,
                               ColumnRule rule, std::span<std::int32_t> codes, std::span<float> errors) {
  if (options_.run > 0) return trellis_.round(targets, originals, rule, codes, errors);
  rule.thresholds = thresholds(targets, rule);
  const ColumnResult result = tensor::round_column(targets, originals, rule, codes, errors);
  prior_.remember(result.tally);
  return result;
}

void Run::round_input(std::uint64_t k, std::span<const float> targets, std::span<float> errors,
                      SicCodes& out) {
  const std::uint64_t input = plan_.order()[k];
  const std::span<const float> originals = originals_.subspan(k * m_, m_);
  ColumnRule rule;
  rule.step = out.step_codes.empty() ? out.scale : sic_step(out.scale, out.step_codes[input]);
  rule.inverse = 1 / rule.step;
  rule.most = static_cast<float>(std::min<double>(kMaxSicCode, std::floor(options_.limit / rule.step)));
  const ColumnResult result =
      round_column(targets, originals, rule, std::span(out.codes).subspan(input * m_, m_), errors);
  if (!out.step_codes.empty() && result.tally.others == 0) out.step_codes[input] = 0;
  damped_error_ += plan_.gains()[k] * plan_.gains()[k] * result.squared;
  squared_error_ += sum_of_squares(errors);
}

void Run::operator()(double s, SicCodes& out) {
  out.inputs = n_;
  out.run = options_.run;
  out.outputs = m_;
  out.codes.resize(n_ * m_);
  if (n_ == 0 || m_ == 0) return;
  set_steps(s, out);
  SicFeedback(plan_, m_, originals_)
      .run([&](std::uint64_t k, std::span<const float> targets, std::span<float> errors) {
        round_input(k, targets, errors, out);
      });
}

// values[position of input][output]; the axis' inputs are the columns (1) or rows (0) of the view.
std::vector<float> in_order(const SicPlan& plan, const MatrixView& view, int exponent) {
  const std::uint64_t n = plan.size(), m = plan.axis() == 1 ? view.rows : view.cols;
  const double factor = std::ldexp(1.0, -exponent);
  std::vector<float> values(n * m);
  const auto scaled = [&](std::uint64_t at) { return static_cast<float>(view.values[at] * factor); };
  if (plan.axis() == 0) {
    for (std::uint64_t k = 0; k < n; ++k)
      for (std::uint64_t o = 0; o < m; ++o) values[k * m + o] = scaled(plan.order()[k] * m + o);
    return values;
  }
  constexpr std::uint64_t kTile = 16;
  for (std::uint64_t first = 0; first < m; first += kTile) {
    const std::uint64_t end = std::min(first + kTile, m);
    for (std::uint64_t k = 0; k < n; ++k)
      for (std::uint64_t o = first; o < end; ++o) values[k * m + o] = scaled(o * n + plan.order()[k]);
  }
  return values;
}

}  // namespace

float sic_step(float scale, std::uint32_t code) {
  if (code == 0) return 0;
  const float factor = std::ldexp(static_cast<float>(8 + (code - 1) % 8), static_cast<int>((code - 1) / 8));
  return scale * factor;
}

SicWeight::SicWeight(const SicPlan& plan, const MatrixView& weight) : plan_(&plan) {
  if ((plan.axis() == 1 ? weight.cols : weight.rows) != plan.size())
    throw base::Error(base::ErrorKind::bad_data,
                      "a metric of " + std::to_string(plan.size()) + " inputs does not fit a weight of " +
                          std::to_string(weight.rows) + "x" + std::to_string(weight.cols));
  outputs_ = plan.axis() == 1 ? weight.rows : weight.cols;
  exponent_ = exponent_of(weight.values);
  values_ = in_order(plan, weight, exponent_);
  measure();
}

std::vector<float> SicWeight::whitened(std::vector<float> rows) const {
  const std::uint64_t n = plan_->size();
  if (!plan_->feedback().empty() && outputs_ > 0) {
    const auto side = static_cast<blasint>(n), m = static_cast<blasint>(outputs_);
    cblas_strmm(CblasRowMajor, CblasLeft, CblasUpper, CblasTrans, CblasUnit, side, m, 1.0f,
                plan_->feedback().data(), side, rows.data(), m);
  }
  for (std::uint64_t k = 0; k < n; ++k)
    for (float& value : std::span(rows).subspan(k * outputs_, outputs_))
      value *= static_cast<float>(plan_->gains()[k]);
  return rows;
}

Spectrum SicWeight::spectrum() && {
  const std::vector<float> rows = whitened(std::move(values_));
  return tensor::spectrum({rows, plan_->size(), outputs_});
}

Svd SicWeight::components(const SvdOptions& options) && {
  const std::vector<float> rows = whitened(std::move(values_));
  Svd found = svd_with_retries({rows, plan_->size(), outputs_}, options);
  for (double& sigma : found.sigma) sigma = std::ldexp(sigma, exponent_);
  found.norm = std::ldexp(found.norm, exponent_);
  found.error = std::ldexp(found.error, exponent_);
  return found;
}

void SicWeight::measure() {
  norm_ = sum_of_squares(values_);
  damped_energy_ = plan_->uniform() ? norm_ : sum_of_squares(whitened(values_));
  energy_ = std::max(0.0, damped_energy_ - plan_->ridge() * norm_);
}

SicWeight SicWeight::sample(std::uint64_t outputs) const {
  if (outputs == 0 || outputs >= outputs_) return *this;
  SicWeight some;
  some.plan_ = plan_;
  some.outputs_ = outputs;
  some.exponent_ = exponent_;
  some.values_.resize(plan_->size() * outputs);
  for (std::uint64_t k = 0; k < plan_->size(); ++k)
    for (std::uint64_t o = 0; o < outputs; ++o)
      some.values_[k * outputs + o] = values_[k * outputs_ + (2 * o + 1) * outputs_ / (2 * outputs)];
  const double part = static_cast<double>(outputs) / static_cast<double>(outputs_);
  some.energy_ = energy_ * part;
  some.damped_energy_ = damped_energy_ * part;
  some.norm_ = norm_ * part;
  return some;
}

double SicWeight::scale_for(double error) const {
  const auto elements = static_cast<double>(std::max<std::size_t>(values_.size(), 1));
  return std::ldexp(error * std::sqrt(12 * damped_energy_ / elements), exponent_);
}

SicCodes SicWeight::round(double s, const SicOptions& options) const {
  SicCodes out;
  SicOptions scaled = options;
  scaled.limit = std::ldexp(options.limit, -exponent_);
  if (scaled.limit < kTrellisRoom) scaled.run = 0;
  Run run(*plan_, outputs_, values_, scaled);
  // A step too small for the largest code, or a weight of zeros, whose s is 0.
  const double largest_gain =
      plan_->gains().empty() ? 1 : *std::max_element(plan_->gains().begin(), plan_->gains().end());
  run(std::max(std::ldexp(s, -exponent_), largest_gain / kMaxSicCode), out);
  out.scale = std::max(std::ldexp(out.scale, exponent_), std::numeric_limits<float>::denorm_min());
  const double error = std::max(0.0, run.damped_error() - plan_->ridge() * run.squared_error());
  out.error = energy_ > 0 ? std::sqrt(error / energy_) : 0;
  out.weight_error = norm_ > 0 ? std::sqrt(run.squared_error() / norm_) : 0;
  return out;
}

}  // namespace tt::tensor
