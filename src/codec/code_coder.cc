#include "codec/code_coder.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "codec/code_bits.h"
#include "codec/code_model.h"
#include "codec/code_stream.h"

namespace tt::codec {
namespace {

std::uint32_t magnitude_of(std::int32_t code) {
  const auto bits = static_cast<std::uint32_t>(code);
  return code < 0 ? 0 - bits : bits;
}

// ---- encoding

// Everything of one pass over a matrix; bits of symbols are counted by `Take`.
template <typename TakeSymbol, typename TakeBlock>
void walk(const CodeMatrix& matrix, const CodeParameters& parameters, const TakeSymbol& take,
          const TakeBlock& block_end) {
  CodeModel model(parameters, matrix.rows, matrix.cols);
  std::array<std::uint8_t, kMaxLanes> symbols{};
  const std::int32_t* block = matrix.codes.data();
  while (const std::uint32_t height = model.next_block()) {
    for (std::uint64_t j = 0; j < matrix.cols; ++j) {
      const auto contexts = model.contexts(j);
      for (std::uint32_t y = 0; y < height; ++y) {
        const std::uint32_t magnitude = magnitude_of(block[y * matrix.cols + j]);
        const CodeContext context = contexts[y];
        const std::uint32_t escape = escape_symbol(context.code_class);
        const std::uint32_t symbol = std::min(magnitude >> context.shift, escape);
        symbols[y] = static_cast<std::uint8_t>(symbol);
        take(model.table(context.code_class), symbol, context, y, block[y * matrix.cols + j]);
      }
      model.learn(j, std::span(symbols).first(height));
    }
    block_end();
    block += height * matrix.cols;
  }
}

struct Record {
  std::uint16_t start, frequency;  // 32768 fits
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
};

void put_plain(BlockBits& bits, std::uint32_t symbol, const CodeContext& context, std::int32_t code) {
  const std::uint32_t magnitude = magnitude_of(code), escape = escape_symbol(context.code_class);
  if (symbol == escape) bits.escapes.put_gamma((magnitude >> context.shift) - escape + 1);
  if (context.shift > 0) bits.lows.put(magnitude & ((1u << context.shift) - 1), context.shift);
  if (magnitude != 0) bits.signs.put(code < 0 ? 1 : 0, 1);
}

Symbols collect(const CodeMatrix& matrix, const CodeParameters& parameters) {
  Symbols out;
  out.records.reserve(matrix.codes.size());
  BlockBits bits;
  walk(
      matrix, parameters,
      [&](const CodeTable& table, std::uint32_t symbol, const CodeContext& context, std::uint32_t lane,
          std::int32_t code) {
        out.records.push_back({static_cast<std::uint16_t>(table.start(symbol)),
                               static_cast<std::uint16_t>(table.frequency(symbol)),
                               static_cast<std::uint8_t>(lane)});
        put_plain(bits, symbol, context, code);
      },
      [&] {
        out.before_last = out.plain.size();
        for (BitWriter* const part : {&bits.escapes, &bits.lows, &bits.signs}) {
          out.plain.append(*part);
          part->clear();
        }
      });
  return out;
}

base::Bytes encode_with(const CodeMatrix& matrix, const CodeParameters& parameters) {
  base::Bytes out;
  write_code_header(parameters, out);
  if (parameters.scale == 0) return out;
  const Symbols symbols = collect(matrix, parameters);
  const std::uint32_t lanes = parameters.lanes();
  const std::uint64_t plain = plain_bytes(symbols.plain.size(), symbols.before_last, lanes);
  std::array<std::uint32_t, kMaxLanes> states{};
  for (std::uint32_t lane = 0; lane < lanes; ++lane)
    states[lane] = kCodeLow | symbols.plain.get(8 * plain + 16 * std::uint64_t{lane}, 16);
  std::vector<std::uint16_t> words;
  words.reserve(symbols.records.size() / 4);
  for (std::size_t i = symbols.records.size(); i-- > 0;) {
    const Record record = symbols.records[i];
    std::uint32_t& state = states[record.lane];
    if ((std::uint64_t{record.frequency} << (32 - kCodeBits)) <= state) {
      words.push_back(static_cast<std::uint16_t>(state));
      state >>= 16;
    }
    state = ((state / record.frequency) << kCodeBits) + state % record.frequency + record.start;
  }
  for (std::uint32_t lane = 0; lane < lanes; ++lane) base::append_le(out, states[lane]);
  for (std::size_t i = words.size(); i-- > 0;) base::append_le(out, words[i]);
  for (std::uint64_t i = plain; i-- > 0;)
    out.push_back(static_cast<std::uint8_t>(symbols.plain.get(8 * i, 8)));
  return out;
}

// ---- choosing parameters

double bits_of(std::uint32_t frequency) {
  static const std::vector<float> table = [] {
    std::vector<float> values(kCodeTotal + 1);
    for (std::uint32_t f = 1; f <= kCodeTotal; ++f)
      values[f] = static_cast<float>(kCodeBits - std::log2(static_cast<double>(f)));
    return values;
  }();
  return static_cast<double>(table[frequency]);
}

// Bits of a matrix, and of those the bits of its second half.
struct Cost {
  double bits = 0, second_half = 0;
};

Cost cost(const CodeMatrix& matrix, const CodeParameters& parameters) {
  Cost cost;
  std::uint64_t left = matrix.codes.size();
  const auto take = [&](const CodeTable& table, std::uint32_t symbol, const CodeContext& context,
                        std::uint32_t, std::int32_t code) {
    const std::uint32_t escape = escape_symbol(context.code_class);
    std::uint32_t plain = context.shift + (code != 0 ? 1u : 0u);
    if (symbol == escape) plain += gamma_size((magnitude_of(code) >> context.shift) - escape + 1);
    const double bits = bits_of(table.frequency(symbol)) + plain;
    cost.bits += bits;
    if (2 * left-- <= matrix.codes.size()) cost.second_half += bits;
  };
  walk(matrix, parameters, take, [] {});
  return cost;
}

// About `wanted` codes in whole rows that are spread over the matrix, and so are those of each half.
std::vector<std::int32_t> sample_rows(const CodeMatrix& matrix, std::uint64_t wanted) {
  const std::uint64_t rows = std::clamp<std::uint64_t>(wanted / matrix.cols, 1, matrix.rows);
  if (rows == matrix.rows) return {matrix.codes.begin(), matrix.codes.end()};
  std::vector<std::int32_t> codes;
  codes.reserve(rows * matrix.cols);
  const auto add = [&](std::uint64_t i) {
    const auto row = matrix.codes.subspan(i * matrix.rows / rows * matrix.cols, matrix.cols);
    codes.insert(codes.end(), row.begin(), row.end());
  };
  for (std::uint64_t i = 0; i < rows; i += 2) add(i);
  for (std::uint64_t i = 1; i < rows; i += 2) add(i);
  return codes;
}

struct Choice {
  CodeParameters parameters;
  double bits = 0;  // of the sample
};

void try_parameters(const CodeMatrix& sample, Choice& best, CodeParameters candidate) {
  const double bits = cost(sample, candidate).bits;
  if (bits < best.bits) best = {candidate, bits};
}

Choice choose(const CodeMatrix& sample) {
  Choice best;
  double sum = 0;
  for (const std::int32_t code : sample.codes) sum += magnitude_of(code);
  best.parameters.scale = nearest_scale(sum / static_cast<double>(sample.codes.size()));
  best.parameters.lanes_log2 = 4;
  best.bits = cost(sample, best.parameters).bits;
  for (std::uint8_t prior = 1; prior < 4; ++prior) {
    CodeParameters candidate = best.parameters;
    candidate.row_prior = prior;
    try_parameters(sample, best, candidate);
  }
  CodeParameters candidate = best.parameters;
  candidate.column_prior = 1;
  try_parameters(sample, best, candidate);
  for (const std::uint32_t period : {3u, 4u, 9u, 16u, 25u, 49u}) {
    candidate = best.parameters;
    candidate.period = period;
    if (period < sample.cols && sample.cols % period == 0) try_parameters(sample, best, candidate);
  }
  return best;
}

bool all_zero(std::span<const std::int32_t> codes) {
  return std::all_of(codes.begin(), codes.end(), [](std::int32_t code) { return code == 0; });
}

std::uint8_t lanes_for(double bits) {
  const auto lanes = static_cast<std::uint64_t>(bits / 8 / 1024);
  return static_cast<std::uint8_t>(std::bit_width(std::clamp<std::uint64_t>(lanes, 1, kMaxLanes)) - 1);
}

CodeParameters parameters_for(const CodeMatrix& matrix) {
  if (all_zero(matrix.codes)) return {};
  const std::vector<std::int32_t> codes = sample_rows(matrix, 1u << 16);
  const CodeMatrix sample{codes.size() / matrix.cols, matrix.cols, codes};
  Choice choice = choose(sample);
  choice.parameters.lanes_log2 =
      lanes_for(choice.bits * static_cast<double>(matrix.codes.size()) / static_cast<double>(codes.size()));
  return choice.parameters;
}

}  // namespace

base::Bytes encode_codes(const CodeMatrix& matrix) {
  if (matrix.codes.empty()) return {};
  return encode_with(matrix, parameters_for(matrix));
}

double estimate_bits(const CodeMatrix& matrix) {
  if (matrix.codes.empty()) return 0;
  const CodeParameters parameters = parameters_for(matrix);
  if (parameters.scale == 0) return 8;
  const double header = 8 * (parameters.period > 0 ? 3 : 2) + 8.0 * parameters.lanes();
  const std::vector<std::int32_t> codes = sample_rows(matrix, 1u << 20);
  const CodeMatrix sample{codes.size() / matrix.cols, matrix.cols, codes};
  const Cost of_sample = cost(sample, parameters);
  const auto more = static_cast<double>(matrix.codes.size() - codes.size());  // learning is over by then
  return header + of_sample.bits + of_sample.second_half * more / (static_cast<double>(codes.size()) / 2);
}

}  // namespace tt::codec
