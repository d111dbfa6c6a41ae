#include "codec/side_core.h"

#include <algorithm>
#include <cmath>

#include "codec/cancelled_codes.h"
#include "codec/codecs.h"
#include "codec/core_rounding.h"
#include "codec/cursor.h"
#include "codec/quant_core.h"

namespace tt::codec {
namespace {

bool is_coded(const Encoding& encoding) {
  return encoding.format == Format::lowrank && knows_metric(encoding);
}

// The factor's shape and place in a train; nothing if its side is spread over several cores.
std::optional<SideCore> place_in_train(const WeightLayout& layout, const Encoding& encoding, unsigned axis) {
  const std::size_t last = encoding.modes.size() - 1;
  if (last == 0) return std::nullopt;  // a train of one core is the weight itself
  if (axis == 0 && encoding.modes[0] == layout.rows) return SideCore{0, layout.rows, encoding.ranks[0], {}};
  if (axis == 1 && encoding.modes[last] == layout.cols)
    return SideCore{last, encoding.ranks[last - 1], layout.cols, {}};
  return std::nullopt;
}

// Of a coded factor: core 0 begins with the rank.
base::Bytes quant_part(const base::Bytes& core, std::size_t index) {
  ByteCursor cursor(core);
  if (index == 0) cursor.varint();
  const base::ByteView rest = cursor.take(cursor.left());
  return {rest.begin(), rest.end()};
}

// What a coded factor was rounded to.
QuantSteps steps_of(const SideCore& side, base::ByteView core) {
  return read_quant_steps({tensor::DType::f32, {side.rows, side.cols}, side.rows, side.cols}, core);
}

// A step for every input of the codes; of those without one, which were zero, the median of the others.
std::vector<double> every_step(const QuantSteps& found, std::uint64_t inputs) {
  std::vector<double> steps(found.steps.begin(), found.steps.end()), live;
  if (steps.empty()) steps.assign(inputs, found.scale);
  std::copy_if(steps.begin(), steps.end(), std::back_inserter(live), [](double step) { return step > 0; });
  if (live.empty()) return {};
  const auto middle = live.begin() + static_cast<std::ptrdiff_t>(live.size() / 2);
  std::nth_element(live.begin(), middle, live.end());
  for (double& step : steps)
    if (step == 0) step = *middle;
  return steps;
}

// A metric in which round(1) gives these steps.
tensor::SicPlan plan_of_steps(const std::vector<double>& steps, unsigned axis) {
  tensor::Metric metric;
  metric.kind = tensor::Metric::Kind::diagonal;
  metric.axis = axis;
  metric.size = steps.size();
  for (const double step : steps) metric.values.push_back(1 / (step * step));
  return tensor::SicPlan(metric, 0);
}

// The s that gives the same mean logarithm of the steps s / U_kk.
double same_mean_step(const std::vector<double>& steps, const tensor::SicPlan& plan) {
  double sum = 0;
  for (const double step : steps) sum += std::log(step);
  for (const double gain : plan.gains()) sum += std::log(gain);
  return std::exp(sum / static_cast<double>(steps.size()));
}

// Where the inputs of the codes lie in both cores: along the columns (1) or rows (0). A core with one step
// does not say.
unsigned code_axis(const QuantSteps& steps, const QuantSteps& of_other) {
  if (steps.axis != kNoAxis) return steps.axis;
  return of_other.axis == kNoAxis ? 1 : of_other.axis;
}

// The codes of a factor as they lie in the file.
struct Grid {
  unsigned axis = 1;
  std::vector<double> steps;  // one an input of the codes; empty: all codes are zero
};

Grid grid_of(const WeightLayout& layout, const CoreReader& cores, const SideCore& side) {
  const std::size_t other = 1 - side.core;
  const std::uint64_t rank = side.core == 0 ? side.cols : side.rows;
  const SideCore rest{other, other == 0 ? layout.rows : rank, other == 0 ? rank : layout.cols, {}};
  const QuantSteps mine = steps_of(side, quant_part(whole_core(cores, side.core), side.core));
  const unsigned axis = code_axis(mine, steps_of(rest, quant_part(whole_core(cores, other), other)));
  return {axis, every_step(mine, axis == 1 ? side.cols : side.rows)};
}

tensor::SicCodes rounded(const SideCore& side, const Grid& grid, const SideRounding& rounding) {
  const bool wide = grid.axis == 1;
  const std::uint64_t inputs = wide ? side.cols : side.rows, outputs = wide ? side.rows : side.cols;
  const tensor::MatrixView view{side.values, side.rows, side.cols};
  const bool meets_inputs = side.core == grid.axis;  // of the layer, and not the components
  if (rounding.metric && meets_inputs && rounding.metric->axis == grid.axis) {
    const tensor::SicPlan plan(*rounding.metric);
    return tensor::SicWeight(plan, view)
        .round(same_mean_step(grid.steps, plan), {.run = trellis_run(grid.axis, inputs, outputs)});
  }
  const tensor::SicPlan plan = plan_of_steps(grid.steps, grid.axis);
  tensor::SicCodes codes = tensor::SicWeight(plan, view).round(1);
  cancel_errors(codes, wide ? tensor::transposed(side.values, side.rows, side.cols) : side.values,
                meets_inputs, rounding.directions);
  return codes;
}

Core recoded(const WeightLayout& layout, const CoreReader& cores, const SideCore& side,
             const SideRounding& rounding) {
  const Grid grid = grid_of(layout, cores, side);
  if (grid.steps.empty()) return coded_core(whole_core(cores, side.core));  // all values are zero
  base::Bytes bytes;
  if (side.core == 0) append_varint(bytes, static_cast<std::uint32_t>(side.cols));
  const base::Bytes codes = write_quant_core(rounded(side, grid, rounding), grid.axis);
  bytes.insert(bytes.end(), codes.begin(), codes.end());
  return coded_core(std::move(bytes));
}

}  // namespace

std::optional<SideCore> side_core(const WeightLayout& layout, const Encoding& encoding,
                                  const CoreReader& cores, unsigned axis) {
  if (encoding.format == Format::lowrank) {
    tensor::LowRank factors = read_low_rank(layout, encoding, cores);
    if (factors.rank == 0) return std::nullopt;
    if (axis == 0) return SideCore{0, layout.rows, factors.rank, std::move(factors.left)};
    return SideCore{1, factors.rank, layout.cols, std::move(factors.right)};
  }
  if (encoding.format != Format::tt) return std::nullopt;
  std::optional<SideCore> side = place_in_train(layout, encoding, axis);
  if (!side) return side;
  const std::vector<CoreLayout> layouts = tt_codec().core_layouts(layout, encoding);
  check_cores(layouts, cores);
  side->values = read_core(layouts[side->core], cores, side->core);
  return side;
}

Core with_values(const WeightLayout& layout, const Encoding& encoding, const CoreReader& cores,
                 const SideCore& side, const SideRounding& rounding) {
  if (is_coded(encoding)) return recoded(layout, cores, side, rounding);
  if (encoding.dtype == tensor::DType::f16 && !fits_half(side.values))
    throw base::Error(base::ErrorKind::bad_data, "a core holds values beyond the range of f16",
                      "compress the weight with cores of dtype=f32");
  return make_core(codec_for(encoding.format).core_layouts(layout, encoding)[side.core], side.values);
}

}  // namespace tt::codec
