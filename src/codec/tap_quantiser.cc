#include "codec/tap_quantiser.h"

#include <algorithm>
#include <cmath>

#include "base/memory.h"
#include "codec/code_coder.h"
#include "codec/codecs.h"
#include "codec/coded_factors.h"
#include "codec/cursor.h"
#include "tensor/gram.h"

namespace tt::codec {

std::optional<tensor::KernelShape> kernel_shape(const WeightLayout& layout) {
  if (layout.shape.size() < 3 || layout.rows != layout.shape[0]) return std::nullopt;
  std::uint64_t taps = 1;
  for (std::size_t d = 2; d < layout.shape.size(); ++d) {
    if (layout.shape[d] == 0 || layout.shape[d] > kMostTaps / taps) return std::nullopt;
    taps *= layout.shape[d];
  }
  if (taps < 2 || layout.elements() == 0) return std::nullopt;
  return tensor::KernelShape{layout.rows, layout.shape[1], taps};
}

bool has_tap_basis(const WeightData& weight, const tensor::SicPlan& plan) {
  const std::optional<tensor::KernelShape> shape = kernel_shape(weight.layout);
  return shape && shape->inputs() <= kMostKernelInputs &&
         (plan.uniform() || (plan.axis() == 1 && plan.size() == shape->inputs())) &&
         has_coded_factors(weight);
}

TapQuantiser::TapQuantiser(const WeightData& weight, const tensor::SicPlan& plan) {
  const tensor::KernelShape shape = kernel_shape(weight.layout).value();
  const std::vector<float> values = weight.values();
  elements_ = static_cast<double>(values.size());
  tensor::TapBasis basis = tensor::find_tap_basis(values, shape, plan);
  alike_ = basis.alike;
  const base::Bytes functions = encode_codes({shape.taps, shape.taps, basis.codes});
  append_varint(head_, static_cast<std::uint32_t>(functions.size()));
  head_.insert(head_.end(), functions.begin(), functions.end());
  const double norm = tensor::squared_norm(values);
  unit_ = norm > 0 ? std::sqrt(tensor::squared_norm(basis.coefficients) / norm) : 1;
  plan_.emplace(basis.metric);
  base::release(basis.metric.values);
  WeightData coefficients;
  coefficients.layout = {tensor::DType::f32, {shape.outputs, shape.inputs()}, shape.outputs, shape.inputs()};
  coefficients.payload.resize(basis.coefficients.size() * sizeof(float));
  tensor::from_float(tensor::DType::f32, basis.coefficients, coefficients.payload);
  coefficients_.emplace(coefficients, *plan_);
}

// Functions have unit norm and rounding errors of coefficients little in common.
QuantPoint TapQuantiser::counted(QuantPoint point) const {
  point.bytes += static_cast<double>(head_.size());
  point.weight_error *= unit_;
  return point;
}

double TapQuantiser::step_for_rate(double rate) const {
  return step_for_bytes(rate * elements_ / 8, std::exp2(-rate), [&](double step) { return at(step); });
}

Core TapQuantiser::take_core(double step) {
  base::Bytes bytes = head_;
  const Core coefficients = coefficients_->take_core(step);
  bytes.insert(bytes.end(), coefficients.bytes.begin(), coefficients.bytes.end());
  return coded_core(std::move(bytes));
}

}  // namespace tt::codec
