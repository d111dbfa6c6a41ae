#include "codec/code_cost.h"

#include <cmath>

#include "codec/code_bits.h"
#include "codec/code_walk.h"

namespace tt::codec {
namespace {

// log2(2^15 / f): exact below 1024, in the middle of 32 frequencies above.
const std::array<float, 2049> kBits = [] {
  std::array<float, 2049> values{};
  for (std::uint32_t i = 1; i < values.size(); ++i) {
    const double middle = i < 1024 ? i : i < 2048 ? (i - 1024) * 32 + 16 : kCodeTotal;
    values[i] = static_cast<float>(kCodeBits - std::log2(middle));
  }
  return values;
}();

double bits_of(std::uint32_t frequency) {
  return static_cast<double>(kBits.data()[frequency < 1024 ? frequency : 1024 + frequency / 32]);
}

double sign_bits(const CodeModel& model, const CodeElement& element) {
  const std::uint32_t likely = model.sign_table(element.lane, element.symbol).likely();
  return bits_of(model.likely_negative(element.lane) == element.negative ? likely : kCodeTotal - likely);
}

// What a column costs. Without jumps where symbols decide: they are as good as random.
double column_bits(const CodeModel& model, std::span<const CodeElement> elements) {
  double bits = 0;
  std::uint32_t plain = 0;
  for (const CodeElement& element : elements) {
    bits += bits_of(model.table(element.context).frequency(element.symbol));
    plain += element.context.shift;
    if (element.symbol == element.escape()) plain += gamma_size(element.escaped());
  }
  if (model.trellis())  // beside a sign
    for (const CodeElement& element : elements)
      plain += static_cast<std::uint32_t>(element.has_parity()) &
               static_cast<std::uint32_t>(!element.context.folded());
  if (model.predicted()) {
    for (const CodeElement& element : elements)
      if (element.has_sign()) bits += sign_bits(model, element);
  } else {
    for (const CodeElement& element : elements) plain += element.has_sign() ? 1 : 0;
  }
  return bits + plain;
}

}  // namespace

Cost cost_of(const CodeMatrix& matrix, const CodeParameters& parameters) {
  Cost cost;
  std::uint64_t done = 0;
  const auto take = [&](const CodeModel& model, std::span<const CodeElement> elements) {
    const double bits = column_bits(model, elements);
    cost.bits += bits;
    if (2 * done >= matrix.codes.size()) cost.second_half += bits;
    done += elements.size();
  };
  walk_codes(matrix, parameters, take, [] {});
  return cost;
}

}  // namespace tt::codec
