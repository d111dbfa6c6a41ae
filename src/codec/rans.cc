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

void rans_decode(ByteCursor& cursor, const RansContext& context, std::span<const DecodeTable> tables,
                 std::span<std::uint8_t> symbols) {
  const std::uint32_t count = cursor.varint();
  const std::uint32_t lanes = rans_lanes(symbols.size());
  std::array<std::uint32_t, 128> states{};
  const base::ByteView stored = cursor.take(4 * lanes);
  for (std::uint32_t lane = 0; lane < lanes; ++lane)
    states[lane] = base::load_le<std::uint32_t>(stored.data() + 4 * lane);
  const base::ByteView words = cursor.take(2 * std::uint64_t{count});
  // One symbol takes at most one word: a copy padded by a whole step needs no bounds check inside a step.
  std::vector<std::uint16_t> padded(count + lanes, 0);
  if (count != 0) std::memcpy(padded.data(), words.data(), words.size());
  std::size_t next = 0;
  const std::size_t total = symbols.size();
  const DecodeTable* const table = tables.data();
  for (std::size_t begin = 0; begin < total && next <= count; begin += lanes) {
    const std::size_t active = std::min<std::size_t>(lanes, total - begin);
    const std::uint16_t* from = padded.data() + next;
    for (std::size_t lane = 0; lane < active; ++lane) {
      const std::size_t i = begin + lane;
      const std::size_t which = context.context ? context.class_of[context.context[i]] : 0;
      std::uint32_t state = states[lane];
      const std::uint32_t entry = table[which][state & (kRansTotal - 1)];
      state = (((entry >> 8) & 0xfffu) + 1) * (state >> kRansBits) + (entry >> 20);
      const bool refill = state < kRansLow;
      const std::uint32_t refilled = state << 16 | *from;
      states[lane] = refill ? refilled : state;
      from += refill;
      symbols[i] = static_cast<std::uint8_t>(entry);
    }
    next = static_cast<std::size_t>(from - padded.data());
  }
  bool whole = next == count;
  for (std::uint32_t lane = 0; lane < lanes; ++lane) whole &= states[lane] == kRansLow;
  if (!whole) throw_corrupt("an entropy-coded stream does not end where it should");
}

}  // namespace tt::codec
