#include "codec/plane_coder.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tt::codec {
namespace {

using Counts = std::vector<std::uint32_t>;

// A run of context symbols that share one frequency table.
struct ContextClass {
  std::uint32_t first = 0;  // smallest context symbol
  Counts counts;
  double bits = 0;
};

// Ideal code length plus the table that describes it, in bits.
double description_bits(const Counts& counts) {
  double total = 0, bits = 0;
  std::size_t first = counts.size(), last = 0;
  for (std::size_t s = 0; s < counts.size(); ++s) {
    if (counts[s] == 0) continue;
    first = std::min(first, s), last = s;
    const double count = counts[s];
    total += count;
    bits -= count * std::log2(count);
  }
  if (total == 0) return 8;
  bits += total * std::log2(total);
  for (std::size_t s = first; s <= last; ++s)
    bits += counts[s] * 32.0 >= total ? 16 : 8;  // a frequency >= 128 takes two bytes
  return bits + 16;
}

double merged_bits(const ContextClass& a, const ContextClass& b) {
  Counts sum = a.counts;
  for (std::size_t s = 0; s < sum.size(); ++s) sum[s] += b.counts[s];
  return description_bits(sum);
}

// Joins neighbouring classes while that shortens the description, and further until at most kMaxClasses are
// left.
void join_classes(std::vector<ContextClass>& classes) {
  std::vector<double> joined;  // description of classes i and i + 1 as one
  for (std::size_t i = 0; i + 1 < classes.size(); ++i)
    joined.push_back(merged_bits(classes[i], classes[i + 1]));
  while (classes.size() > 1) {
    std::size_t best = 0;
    double best_loss = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i + 1 < classes.size(); ++i) {
      const double loss = joined[i] - classes[i].bits - classes[i + 1].bits - 8;
      if (loss < best_loss) best = i, best_loss = loss;
    }
    if (best_loss > 0 && classes.size() <= kMaxClasses) return;
    for (std::size_t s = 0; s < classes[best].counts.size(); ++s)
      classes[best].counts[s] += classes[best + 1].counts[s];
    classes[best].bits = joined[best];
    classes.erase(classes.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    joined.erase(joined.begin() + static_cast<std::ptrdiff_t>(best));
    if (best < joined.size()) joined[best] = merged_bits(classes[best], classes[best + 1]);
    if (best > 0) joined[best - 1] = merged_bits(classes[best - 1], classes[best]);
  }
}

// Classes of the context symbols that occur, from the joint histogram.
std::vector<ContextClass> split_contexts(std::span<const std::uint8_t> symbols, const std::uint8_t* context,
                                         std::size_t alphabet) {
  std::vector<std::uint32_t> joint(256 * alphabet, 0);
  std::uint32_t* const counters = joint.data();
  const std::uint8_t* const from = symbols.data();
  const std::size_t total = symbols.size();
  for (std::size_t i = 0; i < total; ++i) ++counters[context[i] * alphabet + from[i]];
  std::vector<ContextClass> classes;
  for (std::uint32_t c = 0; c < 256; ++c) {
    const auto row = joint.begin() + static_cast<std::ptrdiff_t>(c * alphabet);
    Counts counts(row, row + static_cast<std::ptrdiff_t>(alphabet));
    if (std::all_of(counts.begin(), counts.end(), [](std::uint32_t count) { return count == 0; })) continue;
    const double bits = description_bits(counts);
    classes.push_back({c, std::move(counts), bits});
  }
  join_classes(classes);
  return classes;
}

PlanePlan rans_plan(std::size_t symbols, const std::vector<ContextClass>& classes, std::uint32_t distance) {
  PlanePlan plan{PlaneMode::rans, 0, distance, {}, {}};
  double bits = 0;
  std::uint64_t header = 2;  // mode, number of thresholds
  if (classes.size() > 1) header += varint_size(distance) + classes.size() - 1;
  for (std::size_t c = 0; c < classes.size(); ++c) {
    if (c > 0) plan.thresholds.push_back(static_cast<std::uint8_t>(classes[c].first));
    plan.tables.push_back(FrequencyTable::fit(classes[c].counts));
    header += plan.tables.back().written_size();
    bits += plan.tables.back().cost_bits(classes[c].counts);
  }
  // A lane's last state holds 24 bits on average of which 16 are the starting value: 3 of its 4 bytes are
  // overhead.
  const std::uint64_t lanes = rans_lanes(symbols);
  const auto stream = static_cast<std::uint64_t>(bits / 8) + 3 * lanes;
  plan.size = header + varint_size(static_cast<std::uint32_t>(stream / 2)) + stream;
  return plan;
}

std::uint64_t packed_size(std::size_t count, unsigned width) {
  return (std::uint64_t{count} * width + 7) / 8;
}

void pack(std::span<const std::uint8_t> symbols, unsigned width, base::Bytes& out) {
  if (width == 8) {
    out.insert(out.end(), symbols.begin(), symbols.end());
    return;
  }
  std::uint32_t held = 0;
  unsigned bits = 0;
  for (const std::uint8_t symbol : symbols) {
    held |= static_cast<std::uint32_t>(symbol) << bits;
    bits += width;
    if (bits >= 8) {
      out.push_back(static_cast<std::uint8_t>(held));
      held >>= 8;
      bits -= 8;
    }
  }
  if (bits > 0) out.push_back(static_cast<std::uint8_t>(held));
}

void unpack(base::ByteView bytes, unsigned width, std::span<std::uint8_t> symbols) {
  if (width == 8) {
    std::copy(bytes.begin(), bytes.end(), symbols.begin());
    return;
  }
  base::Bytes padded(bytes.begin(), bytes.end());
  padded.push_back(0);
  const std::uint32_t mask = (1u << width) - 1;
  const std::uint8_t* const from = padded.data();
  std::uint8_t* const to = symbols.data();
  const std::size_t total = symbols.size();
  for (std::size_t i = 0; i < total; ++i) {
    const std::size_t bit = i * width;
    to[i] = static_cast<std::uint8_t>((base::load_le<std::uint16_t>(from + bit / 8) >> (bit % 8)) & mask);
  }
}

RansContext context_of(const Plane& plane, const Plane* first, std::uint32_t distance,
                       std::span<const std::uint8_t> thresholds) {
  RansContext context;
  if (thresholds.empty()) return context;
  context.context = distance == 0 ? first->symbols().data() : plane.behind(distance);
  for (std::size_t symbol = 0; symbol < 256; ++symbol) {
    const auto above = std::upper_bound(thresholds.begin(), thresholds.end(), symbol);
    context.class_of[symbol] = static_cast<std::uint8_t>(above - thresholds.begin());
  }
  return context;
}

// Fitting tables takes time: only if the description length says that it can win.
void keep_smaller(PlanePlan& best, std::size_t symbols, const std::vector<ContextClass>& classes,
                  std::uint32_t distance) {
  double bits = 0;
  for (const ContextClass& one : classes) bits += one.bits;
  if (bits > 8.0 * static_cast<double>(best.size)) return;
  PlanePlan candidate = rans_plan(symbols, classes, distance);
  if (candidate.size < best.size) best = std::move(candidate);
}

}  // namespace

PlanePlan plan_plane(const Plane& plane, const Plane* first, std::span<const std::uint32_t> distances) {
  const auto symbols = plane.symbols();
  const std::size_t alphabet = std::size_t{1} << plane.width();
  ContextClass all{0, Counts(alphabet, 0), 0};
  for (const std::uint8_t symbol : symbols) ++all.counts[symbol];
  if (all.counts[symbols[0]] == symbols.size()) return {PlaneMode::constant, 2, 0, {}, {}};
  PlanePlan best{PlaneMode::packed, 1 + packed_size(symbols.size(), plane.width()), 0, {}, {}};
  all.bits = description_bits(all.counts);
  const std::size_t total = symbols.size();
  keep_smaller(best, total, {all}, 0);
  if (first) keep_smaller(best, total, split_contexts(symbols, first->symbols().data(), alphabet), 0);
  for (const std::uint32_t distance : distances) {
    keep_smaller(best, total, split_contexts(symbols, plane.behind(distance), alphabet), distance);
  }
  return best;
}

void write_plane(const Plane& plane, const Plane* first, const PlanePlan& plan, base::Bytes& out) {
  out.push_back(static_cast<std::uint8_t>(plan.mode));
  if (plan.mode == PlaneMode::constant) out.push_back(plane.symbols()[0]);
  if (plan.mode == PlaneMode::packed) pack(plane.symbols(), plane.width(), out);
  if (plan.mode != PlaneMode::rans) return;
  out.push_back(static_cast<std::uint8_t>(plan.thresholds.size()));
  if (!plan.thresholds.empty()) append_varint(out, plan.distance);
  out.insert(out.end(), plan.thresholds.begin(), plan.thresholds.end());
  for (const FrequencyTable& table : plan.tables) table.write(out);
  rans_encode(plane.symbols(), context_of(plane, first, plan.distance, plan.thresholds), plan.tables, out);
}

namespace {

void read_rans_plane(ByteCursor& cursor, const Plane* first, Plane& plane) {
  const std::size_t count = cursor.byte();
  if (count >= kMaxClasses) throw_corrupt("a plane has too many classes");
  const std::uint32_t distance = count == 0 ? 0 : cursor.varint();
  const base::ByteView thresholds = cursor.take(count);
  if (count != 0 && distance == 0 && !first) throw_corrupt("the first plane has no plane before it");
  // Nearer symbols would still be undecoded when they are asked for.
  if (distance != 0 && (distance < rans_lanes(plane.symbols().size()) || distance > plane.lead())) {
    throw_corrupt("a context distance is out of range");
  }
  if (!std::is_sorted(thresholds.begin(), thresholds.end())) throw_corrupt("class thresholds are not sorted");
  std::vector<DecodeTable> tables(count + 1);
  for (DecodeTable& table : tables)
    fill_decode_table(FrequencyTable::parse(cursor, 1u << plane.width()), table);
  rans_decode(cursor, context_of(plane, first, distance, thresholds), tables, plane.symbols());
}

}  // namespace

void read_plane(ByteCursor& cursor, const Plane* first, Plane& plane) {
  const auto symbols = plane.symbols();
  switch (static_cast<PlaneMode>(cursor.byte())) {
    case PlaneMode::constant: {
      const std::uint8_t symbol = cursor.byte();
      if (symbol >> plane.width() != 0) throw_corrupt("a symbol is wider than its plane");
      std::fill(symbols.begin(), symbols.end(), symbol);
      return;
    }
    case PlaneMode::packed:
      unpack(cursor.take(packed_size(symbols.size(), plane.width())), plane.width(), symbols);
      return;
    case PlaneMode::rans:
      read_rans_plane(cursor, first, plane);
      return;
  }
  throw_corrupt("a plane has an unknown mode");
}

}  // namespace tt::codec
