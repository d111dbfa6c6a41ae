#include "codec/code_stream.h"

namespace tt::codec {
namespace {
constexpr std::uint8_t kTrellisFlags = 7;  // the flags follow in another byte
}  // namespace

void write_code_header(const CodeParameters& parameters, base::Bytes& out) {
  out.push_back(parameters.scale);
  if (parameters.scale == 0) return;
  if (parameters.trellis) out.push_back(kTrellisFlags);
  out.push_back(static_cast<std::uint8_t>(
      parameters.lanes_log2 | parameters.row_prior << 3 | parameters.column_prior << 5 |
      (parameters.period > 0 ? 1 : 0) << 6 | (parameters.predicted ? 1 : 0) << 7));
  if (parameters.period > 0) append_varint(out, parameters.period);
  if (!parameters.predicted) return;
  out.push_back(parameters.distance);
  for (const std::int8_t weight : parameters.weights) out.push_back(static_cast<std::uint8_t>(weight));
}

CodeParameters read_code_header(ByteCursor& cursor) {
  CodeParameters parameters;
  parameters.scale = cursor.byte();
  if (parameters.scale == 0) return parameters;
  std::uint8_t flags = cursor.byte();
  if (flags == kTrellisFlags) {
    parameters.trellis = true;
    flags = cursor.byte();
  }
  parameters.lanes_log2 = flags & 7;
  parameters.row_prior = flags >> 3 & 3;
  parameters.column_prior = flags >> 5 & 1;
  if (parameters.lanes_log2 > 6 || (parameters.trellis && flags >= 64))
    throw_corrupt("a code stream has unknown flags");
  if ((flags & 64) != 0) {
    parameters.period = cursor.varint();
    if (parameters.period == 0) throw_corrupt("a code stream has groups of no columns");
  }
  parameters.predicted = (flags & 128) != 0;
  if (!parameters.predicted) return parameters;
  parameters.distance = cursor.byte();
  for (std::int8_t& weight : parameters.weights) weight = static_cast<std::int8_t>(cursor.byte());
  return parameters;
}

}  // namespace tt::codec
