#include "codec/coded_factors.h"

#include <algorithm>
#include <cmath>

#include "base/memory.h"
#include "codec/codecs.h"
#include "codec/cursor.h"
#include "codec/quant_core.h"
#include "tensor/gram.h"
#include "tensor/product.h"

namespace tt::codec {
namespace {

constexpr double kLeastError = 0.005;  // of the output: below it codes of the weight itself are smaller
constexpr double kInputsFiner = 2, kUnseenFiner = 4;
constexpr std::uint64_t kMostNumbers = std::uint64_t{1} << 28;  // in both factors: decoding holds them
constexpr double kRidge = 1e-4;  // weak components may round to the same few entries
constexpr std::uint64_t kTall = 8;
constexpr std::uint64_t kMeasured = 256;  // outputs that errors are measured on

// Outputs x inputs as a weight of the plan's axis.
class Oriented {
 public:
  Oriented(std::span<const float> values, std::uint64_t outputs, std::uint64_t inputs, unsigned axis)
      : turned_(axis == 0 ? tensor::transposed(values, outputs, inputs) : std::vector<float>()),
        view_(axis == 0 ? tensor::MatrixView{turned_, inputs, outputs}
                        : tensor::MatrixView{values, outputs, inputs}) {}
  const tensor::MatrixView& view() const { return view_; }

 private:
  std::vector<float> turned_;
  tensor::MatrixView view_;
};

// inputs x outputs, as the decoder will have it.
std::vector<float> values_of(const tensor::SicCodes& codes) {
  std::vector<float> values(codes.codes.size());
  for (std::uint64_t i = 0; i < codes.inputs; ++i) {
    const float step =
        codes.step_codes.empty() ? codes.scale : tensor::sic_step(codes.scale, codes.step_codes[i]);
    for (std::uint64_t o = i * codes.outputs; o < (i + 1) * codes.outputs; ++o)
      values[o] = static_cast<float>(codes.codes[o]) * step;
  }
  return values;
}

// Without the inputs of which all codes are zero.
void drop_zero_inputs(tensor::SicCodes& codes) {
  std::uint64_t kept = 0;
  for (std::uint64_t i = 0; i < codes.inputs; ++i) {
    if (codes.step_codes[i] == 0) continue;
    codes.step_codes[kept] = codes.step_codes[i];
    std::copy_n(codes.codes.begin() + static_cast<std::ptrdiff_t>(i * codes.outputs), codes.outputs,
                codes.codes.begin() + static_cast<std::ptrdiff_t>(kept++ * codes.outputs));
  }
  codes.inputs = kept;
  codes.step_codes.resize(kept);
  codes.codes.resize(kept * codes.outputs);
}

std::vector<float> read_factor(std::uint64_t rows, std::uint64_t cols, base::ByteView core) {
  std::vector<float> values;
  values.reserve(rows * cols);
  const WeightLayout layout{tensor::DType::f32, {rows, cols}, rows, cols};
  read_quant_core(layout, core, [&](std::uint64_t, base::ByteView piece) {
    for (std::size_t at = 0; at < piece.size(); at += sizeof(float))
      values.push_back(base::load_le<float>(piece.data() + at));
  });
  return values;
}

// Of a tall weight without calibration: C = I, so that either side may be that of the inputs.
tensor::Metric long_identity(const WeightLayout& layout) {
  tensor::Metric metric;
  metric.axis = layout.rows >= layout.cols ? 0 : 1;
  metric.size = std::max(layout.rows, layout.cols);
  return metric;
}

}  // namespace

// Codes of P (its inputs are the components) and of R (its outputs are the components).
struct FactorQuantiser::Factors {
  tensor::SicCodes directions, inputs;
  std::uint64_t rank() const { return directions.inputs; }
};

bool is_tall(const WeightLayout& layout) {
  const auto [shorter, longer] = std::minmax(layout.rows, layout.cols);
  return longer / kTall >= std::max<std::uint64_t>(shorter, 1);
}

std::uint64_t most_coded_rank(const WeightLayout& layout) {
  const std::uint64_t sides = std::max<std::uint64_t>(1, layout.rows + layout.cols);
  const std::uint64_t pays = is_tall(layout) ? std::min(layout.rows, layout.cols)
                                             : std::max<std::uint64_t>(1, layout.elements() / sides);
  return std::min({pays, kMostNumbers / sides, layout.rows, layout.cols});
}

bool has_coded_factors(const WeightData& weight) {
  constexpr double kSmallest = 1e-30, kLargest = 1e37, kRoom = 16;
  if (!tensor::all_finite(weight.layout.dtype, weight.payload)) return false;
  double largest = 0;
  const std::vector<float> values = weight.values();
  for (const float value : values) largest = std::max(largest, std::abs(double{value}));
  const double norm = std::sqrt(tensor::squared_norm(values));
  return norm == 0 ||
         (norm > kSmallest && norm < kLargest && largest * kRoom < largest_value(weight.layout.dtype));
}

FactorQuantiser::FactorQuantiser(const WeightData& weight, const tensor::SicPlan& plan,
                                 std::uint64_t max_rank, std::uint64_t sampled) {
  const std::uint64_t longer = std::max(weight.layout.rows, weight.layout.cols);
  tall_ = is_tall(weight.layout) && (plan.uniform() || (plan.size() == longer && plan.feedback().empty()));
  all_.plan = tall_ && plan.uniform() ? &own_plan_.emplace(long_identity(weight.layout)) : &plan;
  std::vector<float> values = weight.values();
  tensor::SicWeight ready(*all_.plan, {values, weight.layout.rows, weight.layout.cols});
  all_.count = all_.plan->size();
  outputs_ = ready.outputs();
  unit_ = ready.scale_for(1);
  energy_ = ready.energy();
  norm_ = tensor::squared_norm(values);
  if (all_.plan->axis() == 0) values = tensor::transposed(values, all_.count, outputs_);
  all_.by_output = std::move(values);
  const std::uint64_t most = most_coded_rank(weight.layout);
  if (most == 0) return;
  tensor::Svd found = std::move(ready).components(
      {.max_rank = max_rank == 0 ? most : std::min(max_rank, most), .tolerance = tall_ ? 0 : kLeastError});
  directions_ = std::move(found.v);
  sigma_ = std::move(found.sigma);
  if (tall_ && sampled > 0) sample_inputs(sampled);
}

// Evenly spread over the order of their weight in C.
void FactorQuantiser::sample_inputs(std::uint64_t numbers) {
  const std::uint64_t count = numbers / std::max<std::uint64_t>(sigma_.size(), 1) + 1;
  if (2 * count > all_.count) return;
  const tensor::SicPlan& plan = *all_.plan;
  tensor::Metric metric;
  metric.kind = plan.uniform() ? tensor::Metric::Kind::identity : tensor::Metric::Kind::diagonal;
  metric.axis = plan.axis();
  metric.size = count;
  sampled_.count = count;
  sampled_.part = static_cast<double>(count) / static_cast<double>(all_.count);
  sampled_.by_output.resize(outputs_ * count);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t at = (2 * i + 1) * all_.count / (2 * count);
    if (!plan.uniform()) metric.values.push_back(plan.gains()[at] * plan.gains()[at]);
    for (std::uint64_t o = 0; o < outputs_; ++o)
      sampled_.by_output[o * count + i] = all_.by_output[o * all_.count + plan.order()[at]];
  }
  sampled_.plan = &sampled_plan_.emplace(metric);
  base::release(all_.by_output);
}

double FactorQuantiser::largest_step() const {
  const double rms = 1 / std::sqrt(static_cast<double>(std::max<std::uint64_t>(outputs_, 1)));
  return unit_ > 0 && !sigma_.empty() ? 4 * sigma_[0] * rms / unit_ : 1;
}

// Which components are strong enough to be kept is decided at s, they are coded with finer steps.
tensor::SicCodes FactorQuantiser::directions(double s) const {
  tensor::Metric strengths;
  strengths.kind = tensor::Metric::Kind::diagonal;
  strengths.axis = 0;
  strengths.size = sigma_.size();
  for (const double sigma : sigma_) strengths.values.push_back(sigma * sigma);
  const tensor::SicPlan components(strengths, 0);
  const tensor::SicWeight ready(components, {directions_, sigma_.size(), outputs_});
  const tensor::SicOptions along = {.run = trellis_run(all_.plan->axis(), sigma_.size(), outputs_)};
  tensor::SicCodes codes = ready.round(s, along);
  if (unseen()) {
    const std::vector<std::uint32_t> kept = std::move(codes.step_codes);
    codes = ready.round(s / kUnseenFiner, along);
    for (std::size_t k = 0; k < kept.size(); ++k)
      if (kept[k] == 0) codes.step_codes[k] = 0;
  }
  drop_zero_inputs(codes);
  return codes;
}

FactorQuantiser::Factors FactorQuantiser::factors(double step, const Inputs& of) const {
  const double s = unit_ * step;
  Factors found;
  found.directions = directions(s);
  const double finer = unseen() ? kUnseenFiner : kInputsFiner;
  const std::vector<float> rows = tensor::solve_right(
      {of.by_output, outputs_, of.count},
      tensor::transposed(values_of(found.directions), found.rank(), outputs_), found.rank(), kRidge);
  const tensor::SicOptions along = {.run = trellis_run(of.plan->axis(), of.count, found.rank())};
  found.inputs = tensor::SicWeight(*of.plan, Oriented(rows, found.rank(), of.count, of.plan->axis()).view())
                     .round(s / finer, along);
  return found;
}

void FactorQuantiser::measure(const Factors& factors, const Inputs& of, QuantPoint& point) const {
  const std::uint64_t count = std::min(outputs_, kMeasured), rank = factors.rank();
  const std::vector<float> directions = values_of(factors.directions), inputs = values_of(factors.inputs);
  std::vector<float> errors(count * of.count), left(count * rank);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t output = (2 * i + 1) * outputs_ / (2 * count);
    std::copy_n(of.by_output.begin() + static_cast<std::ptrdiff_t>(output * of.count), of.count,
                errors.begin() + static_cast<std::ptrdiff_t>(i * of.count));
    for (std::uint64_t k = 0; k < rank; ++k) left[i * rank + k] = directions[k * outputs_ + output];
  }
  std::vector<float> products(errors.size());
  tensor::fixed_order_product(left, tensor::transposed(inputs, of.count, rank), count, rank, of.count,
                              products);
  for (std::size_t i = 0; i < errors.size(); ++i) errors[i] -= products[i];
  const tensor::SicWeight left_over(*of.plan, Oriented(errors, count, of.count, of.plan->axis()).view());
  const double part = of.part * static_cast<double>(count) / static_cast<double>(outputs_);
  point.output_error = energy_ > 0 ? std::sqrt(left_over.energy() / (energy_ * part)) : 0;
  point.weight_error = norm_ > 0 ? std::sqrt(tensor::squared_norm(errors) / (norm_ * part)) : 0;
}

FactorQuantiser::Point FactorQuantiser::at(double step) const {
  const Inputs& of = sampled_.count > 0 ? sampled_ : all_;
  const Factors found = factors(step, of);
  Point point;
  point.cost.step = step;
  point.rank = found.rank();
  point.cost.bytes = estimate_quant_core(found.directions, of.plan->axis()) +
                     estimate_quant_core(found.inputs, of.plan->axis()) / of.part;
  measure(found, of, point.cost);
  return point;
}

double FactorQuantiser::step_for_rate(double rate) const {
  const auto elements = static_cast<double>(std::max<std::uint64_t>(outputs_ * all_.count, 1));
  return step_for_bytes(rate * elements / 8, std::exp2(-rate), [&](double step) { return at(step).cost; });
}

std::vector<Core> FactorQuantiser::cores(double step) const {
  const unsigned axis = all_.plan->axis();
  const Factors found = factors(step, all_);
  const tensor::SicCodes &left = axis == 1 ? found.directions : found.inputs,
                         &right = axis == 1 ? found.inputs : found.directions;
  base::Bytes first;
  append_varint(first, static_cast<std::uint32_t>(found.rank()));
  const base::Bytes rest = write_quant_core(left, axis);
  first.insert(first.end(), rest.begin(), rest.end());
  std::vector<Core> cores;
  cores.push_back(coded_core(std::move(first)));
  cores.push_back(coded_core(write_quant_core(right, axis)));
  return cores;
}

tensor::LowRank read_coded_factors(const WeightLayout& layout, const CoreReader& cores) {
  const base::Bytes left = whole_core(cores, 0), right = whole_core(cores, 1);
  ByteCursor cursor(left);
  tensor::LowRank factors{layout.rows, layout.cols, cursor.varint(), {}, {}};
  if (factors.rank > most_coded_rank(layout)) throw_corrupt("its rank is out of range");
  factors.left = read_factor(layout.rows, factors.rank, cursor.take(cursor.left()));
  factors.right = read_factor(factors.rank, layout.cols, right);
  return factors;
}

std::uint64_t coded_rank(const CoreReader& cores) {
  base::Bytes head(static_cast<std::size_t>(std::min<std::uint64_t>(4, cores.size(0))));
  cores.read(0, 0, head);
  return ByteCursor(head).varint();
}

}  // namespace tt::codec
