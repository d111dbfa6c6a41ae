#include "codec/rans.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>

namespace tt::codec {
namespace {

// Bits lost (positive) by lowering the frequency of a symbol that occurs `count` times from f to f - 1,
// gained by raising it.
double step_cost(double count, double from, double to) {
  return count * std::log2(from / to);
}

void lower_until_sum(std::span<const std::uint32_t> counts, std::vector<std::uint32_t>& frequency,
                     std::uint64_t sum) {
  for (; sum > kRansTotal; --sum) {
    std::size_t best = frequency.size();
    double best_cost = 0;
    for (std::size_t s = 0; s < frequency.size(); ++s) {
      if (frequency[s] < 2) continue;
      const double cost = step_cost(counts[s], frequency[s], frequency[s] - 1.0);
      if (best == frequency.size() || cost < best_cost) best = s, best_cost = cost;
    }
    --frequency[best];
  }
}

void raise_until_sum(std::span<const std::uint32_t> counts, std::vector<std::uint32_t>& frequency,
                     std::uint64_t sum) {
  for (; sum < kRansTotal; ++sum) {
    std::size_t best = 0;
    double best_gain = -1;
    for (std::size_t s = 0; s < frequency.size(); ++s) {
      if (frequency[s] == 0) continue;
      const double gain = step_cost(counts[s], frequency[s] + 1.0, frequency[s]);
      if (gain > best_gain) best = s, best_gain = gain;
    }
    ++frequency[best];
  }
}

}  // namespace

FrequencyTable FrequencyTable::fit(std::span<const std::uint32_t> counts) {
  assert(counts.size() <= 256);
  std::size_t size = counts.size();
  while (size > 0 && counts[size - 1] == 0) --size;
  FrequencyTable table;
  if (size == 0) return table;
  std::uint64_t total = 0;
  for (const std::uint32_t count : counts) total += count;
  assert(total > 0);  // the last count that is left is not zero
  std::uint64_t sum = 0;
  for (std::size_t s = 0; s < size; ++s) {
    const std::uint64_t scaled = (static_cast<std::uint64_t>(counts[s]) * kRansTotal + total / 2) / total;
    table.frequency_.push_back(
        counts[s] == 0 ? 0 : static_cast<std::uint32_t>(std::max<std::uint64_t>(scaled, 1)));
    sum += table.frequency_.back();
  }
  lower_until_sum(counts, table.frequency_, sum);
  raise_until_sum(counts, table.frequency_, sum);
  table.sum_up();
  return table;
}

void FrequencyTable::sum_up() {
  start_.assign(frequency_.size(), 0);
  for (std::size_t s = 1; s < start_.size(); ++s) start_[s] = start_[s - 1] + frequency_[s - 1];
}

void FrequencyTable::write(base::Bytes& out) const {
  std::uint32_t first = 0;
  while (first < size() && frequency_[first] == 0) ++first;
  append_varint(out, size() - first);
  if (empty()) return;
  out.push_back(static_cast<std::uint8_t>(first));
  for (std::uint32_t s = first; s < size(); ++s) append_varint(out, frequency_[s]);
}

std::uint64_t FrequencyTable::written_size() const {
  base::Bytes bytes;
  write(bytes);
  return bytes.size();
}

FrequencyTable FrequencyTable::parse(ByteCursor& cursor, std::uint32_t alphabet) {
  FrequencyTable table;
  const std::uint32_t count = cursor.varint();
  if (count == 0) return table;
  const std::uint32_t first = cursor.byte();
  if (count > alphabet || first > alphabet - count) throw_corrupt("a frequency table has too many symbols");
  table.frequency_.assign(first, 0);
  std::uint64_t sum = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    table.frequency_.push_back(cursor.varint());
    sum += table.frequency_.back();
  }
  if (sum != kRansTotal) throw_corrupt("a frequency table does not add up");
  table.sum_up();
  return table;
}

double FrequencyTable::cost_bits(std::span<const std::uint32_t> counts) const {
  double bits = 0;
  for (std::size_t s = 0; s < counts.size(); ++s) {
    if (counts[s] != 0) bits += counts[s] * (kRansBits - std::log2(static_cast<double>(frequency_[s])));
  }
  return bits;
}

void fill_decode_table(const FrequencyTable& table, DecodeTable& out) {
  std::uint32_t slot = 0;
  for (std::uint32_t s = 0; s < table.size(); ++s) {
    const std::uint32_t frequency = table.frequency(s);
    for (std::uint32_t i = 0; i < frequency; ++i) out[slot++] = s | (frequency - 1) << 8 | i << 20;
  }
}

std::uint32_t rans_lanes(std::uint64_t count) {
  return static_cast<std::uint32_t>(std::bit_floor(std::clamp<std::uint64_t>(count / 2048, 1, 128)));
}

void rans_encode(std::span<const std::uint8_t> symbols, const RansContext& context,
                 std::span<const FrequencyTable> tables, base::Bytes& out) {
  const std::uint32_t lanes = rans_lanes(symbols.size());
  std::vector<std::uint32_t> states(lanes, kRansLow);
  std::vector<std::uint16_t> words;
  words.reserve(symbols.size() / 2);
  for (std::size_t i = symbols.size(); i-- > 0;) {
    const FrequencyTable& table = tables[context.context ? context.class_of[context.context[i]] : 0];
    rans_put(states[i & (lanes - 1)], table.start(symbols[i]), table.frequency(symbols[i]), words);
  }
  append_varint(out, static_cast<std::uint32_t>(words.size()));
  for (const std::uint32_t state : states) base::append_le(out, state);
  const std::size_t offset = out.size();
  out.resize(offset + 2 * words.size());
  for (std::size_t i = 0; i < words.size(); ++i)
    base::store_le(out.data() + offset + 2 * i, words[words.size() - 1 - i]);
}

namespace {

struct Lanes {
  std::array<std::uint32_t, 128> states{};
  std::uint32_t count = 1;
};

// Returns how many words were taken. Plain pointers: this is the innermost loop of decoding. `words` is
// padded by one word a lane.
template <bool kContextual>
std::size_t decode_steps(Lanes& lanes, const std::uint16_t* words, std::size_t word_count,
                         const RansContext& context, const DecodeTable* tables, std::uint8_t* symbols,
                         std::size_t total) {
  const std::uint8_t* const around = context.context;
  std::array<const std::uint32_t*, 256> table_of{};
  for (std::size_t c = 0; c < 256; ++c) table_of[c] = tables[context.class_of[c]].data();
  const std::uint32_t* const* const by_context = table_of.data();
  std::uint32_t* const states = lanes.states.data();
  const std::uint16_t* from = words;
  for (std::size_t begin = 0; begin < total && from <= words + word_count; begin += lanes.count) {
    const std::size_t active = std::min<std::size_t>(lanes.count, total - begin);
    for (std::size_t lane = 0; lane < active; ++lane) {
      const std::uint32_t* const table = by_context[kContextual ? around[begin + lane] : 0];
      const std::uint32_t entry = table[states[lane] & (kRansTotal - 1)];
      const std::uint32_t state = (((entry >> 8) & 0xfffu) + 1) * (states[lane] >> kRansBits) + (entry >> 20);
      const bool refill = state < kRansLow;
      states[lane] = refill ? state << 16 | *from : state;
      from += refill;
      symbols[begin + lane] = static_cast<std::uint8_t>(entry);
    }
  }
  return static_cast<std::size_t>(from - words);
}

}  // namespace

void rans_decode(ByteCursor& cursor, const RansContext& context, std::span<const DecodeTable> tables,
                 std::span<std::uint8_t> symbols) {
  const std::uint32_t count = cursor.varint();
  Lanes lanes;
  lanes.count = rans_lanes(symbols.size());
  const base::ByteView stored = cursor.take(4 * std::uint64_t{lanes.count});
  std::memcpy(lanes.states.data(), stored.data(), stored.size());
  const base::ByteView words = cursor.take(2 * std::uint64_t{count});
  // One symbol takes at most one word: a copy padded by a whole step needs no bounds check inside a step.
  std::vector<std::uint16_t> padded(std::size_t{count} + lanes.count, 0);
  if (count != 0) std::memcpy(padded.data(), words.data(), words.size());
  const auto decode = context.context ? decode_steps<true> : decode_steps<false>;
  bool whole =
      decode(lanes, padded.data(), count, context, tables.data(), symbols.data(), symbols.size()) == count;
  for (std::uint32_t lane = 0; lane < lanes.count; ++lane) whole &= lanes.states[lane] == kRansLow;
  if (!whole) throw_corrupt("an entropy-coded stream does not end where it should");
}

}  // namespace tt::codec
