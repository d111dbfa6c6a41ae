#include "codec/code_coder.h"

#include <vector>

#include "codec/code_bits.h"
#include "codec/code_search.h"
#include "codec/code_stream.h"
#include "codec/code_walk.h"

namespace tt::codec {
namespace {

// An interval of [0, 2^15) to be coded by a lane.
struct Record {
  std::uint16_t start, frequency;
  std::uint8_t lane;
};

// The plain bits of one block: escapes, low bits and signs, each in the order of the symbols.
struct BlockBits {
  BitWriter escapes, lows, signs;
};

struct Symbols {
  std::vector<Record> records;
  BitWriter plain;
  std::uint64_t before_last = 0;  // plain bits before the last block

  void add(std::uint32_t start, std::uint32_t frequency, std::uint32_t lane) {
    records.push_back({static_cast<std::uint16_t>(start), static_cast<std::uint16_t>(frequency),
                       static_cast<std::uint8_t>(lane)});
  }
};

void put_plain(const CodeElement& element, bool has_plain_sign, BlockBits& bits) {
  const std::uint32_t shift = element.context.shift;
  if (element.symbol == element.escape()) bits.escapes.put_gamma(element.escaped());
  if (shift > 0) bits.lows.put(element.magnitude & ((1u << shift) - 1), shift);
  if (has_plain_sign) bits.signs.put(element.negative ? 1 : 0, 1);
}

// The likely sign takes the lower part of the interval.
void put_sign(const CodeModel& model, const CodeElement& element, Symbols& out) {
  const std::uint32_t likely = model.sign_table(element.lane, element.symbol).likely();
  if (model.likely_negative(element.lane) == element.negative) return out.add(0, likely, element.lane);
  out.add(likely, kCodeTotal - likely, element.lane);
}

void put_column(const CodeModel& model, std::span<const CodeElement> elements, Symbols& out,
                BlockBits& bits) {
  for (const CodeElement& element : elements) {
    const CodeTable& table = model.table(element.context);
    out.add(table.start(element.symbol), table.frequency(element.symbol), element.lane);
    const bool sign_elsewhere = model.predicted() || (model.trellis() && element.context.folded());
    put_plain(element, element.has_sign() && !sign_elsewhere, bits);
  }
  if (model.trellis())
    for (const CodeElement& element : elements)
      if (element.has_parity()) out.add(element.parity ? kCodeTotal / 2 : 0, kCodeTotal / 2, element.lane);
  if (!model.predicted()) return;
  for (const CodeElement& element : elements)
    if (element.has_sign()) put_sign(model, element, out);
}

Symbols collect(const CodeMatrix& matrix, const CodeParameters& parameters) {
  Symbols out;
  out.records.reserve(matrix.codes.size());
  BlockBits bits;
  const auto take = [&](const CodeModel& model, std::span<const CodeElement> elements) {
    put_column(model, elements, out, bits);
  };
  walk_codes(matrix, parameters, take, [&] {
    out.before_last = out.plain.size();
    for (BitWriter* const part : {&bits.escapes, &bits.lows, &bits.signs}) {
      out.plain.append(*part);
      part->clear();
    }
  });
  return out;
}

// From the last symbol to the first; words come out in the order opposite to reading.
std::vector<std::uint16_t> put_symbols(const std::vector<Record>& records, std::span<std::uint32_t> states) {
  std::vector<std::uint16_t> words;
  words.reserve(records.size() / 4);
  for (std::size_t i = records.size(); i-- > 0;) {
    const Record record = records[i];
    std::uint32_t& state = states[record.lane];
    if ((std::uint64_t{record.frequency} << (32 - kCodeBits)) <= state) {
      words.push_back(static_cast<std::uint16_t>(state));
      state >>= 16;
    }
    state = ((state / record.frequency) << kCodeBits) + state % record.frequency + record.start;
  }
  return words;
}

}  // namespace

base::Bytes encode_codes(const CodeMatrix& matrix) {
  base::Bytes out;
  if (matrix.codes.empty()) return out;
  const CodeParameters parameters = choose_parameters(matrix);
  write_code_header(parameters, out);
  if (parameters.scale == 0) return out;
  const Symbols symbols = collect(matrix, parameters);
  const std::uint32_t lanes = parameters.lanes();
  const std::uint64_t plain = plain_bytes(symbols.plain.size(), symbols.before_last, lanes);
  std::vector<std::uint32_t> states;
  for (std::uint32_t lane = 0; lane < lanes; ++lane)
    states.push_back(kCodeLow | symbols.plain.get(8 * plain + 16 * std::uint64_t{lane}, 16));
  const std::vector<std::uint16_t> words = put_symbols(symbols.records, states);
  for (const std::uint32_t state : states) base::append_le(out, state);
  for (std::size_t i = words.size(); i-- > 0;) base::append_le(out, words[i]);
  for (std::uint64_t i = plain; i-- > 0;)
    out.push_back(static_cast<std::uint8_t>(symbols.plain.get(8 * i, 8)));
  return out;
}

}  // namespace tt::codec
