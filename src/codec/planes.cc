#include "codec/planes.h"

#include <algorithm>
#include <cassert>
#include <numeric>

#include "codec/plane_coder.h"

namespace tt::codec {
namespace {

std::size_t block_size(std::uint64_t elements, std::uint64_t done) {
  return static_cast<std::size_t>(std::min(elements - done, kBlockElements));
}

// Plane 0 may look back over the whole block; the others never look back.
std::vector<Plane> make_planes(const PlaneScheme& scheme, std::size_t count) {
  std::vector<Plane> planes;
  for (const unsigned width : scheme.widths) planes.emplace_back(width, count, planes.empty() ? count : 0);
  return planes;
}

// Words are taken in pieces that stay in the cache while all planes pass.
constexpr std::size_t kPiece = 4096;

template <typename Word>
void split_words(const PlaneScheme& scheme, std::span<const Word> words, std::vector<Plane>& planes) {
  for (std::size_t start = 0; start < words.size(); start += kPiece) {
    const std::size_t count = std::min(kPiece, words.size() - start);
    const Word* const from = words.data() + start;
    unsigned shift = scheme.word_bits();
    for (Plane& plane : planes) {
      shift -= plane.width();
      const Word mask = static_cast<Word>((1u << plane.width()) - 1);
      std::uint8_t* const symbols = plane.symbols().data() + start;
      for (std::size_t i = 0; i < count; ++i)
        symbols[i] = static_cast<std::uint8_t>((from[i] >> shift) & mask);
    }
  }
}

template <typename Word>
void join_words(const std::vector<Plane>& planes, std::span<Word> words) {
  for (std::size_t start = 0; start < words.size(); start += kPiece) {
    const std::size_t count = std::min(kPiece, words.size() - start);
    Word* const to = words.data() + start;
    std::fill(to, to + count, Word{0});
    for (const Plane& plane : planes) {
      const std::uint8_t* const symbols = plane.symbols().data() + start;
      const unsigned width = plane.width();
      for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<Word>(to[i] << width) | symbols[i];
    }
  }
}

// The smallest multiple of each period that lies far enough behind (codec/rans.h).
std::vector<std::uint32_t> distances_of(const PlaneScheme& scheme, std::size_t count) {
  std::vector<std::uint32_t> distances;
  const std::uint64_t lanes = rans_lanes(count);
  for (const std::uint64_t period : scheme.periods) {
    if (period == 0 || period >= count) continue;
    const auto distance = static_cast<std::uint32_t>((lanes + period - 1) / period * period);
    const bool known = std::find(distances.begin(), distances.end(), distance) != distances.end();
    if (distance < count && !known) distances.push_back(distance);
  }
  return distances;
}

// Calls use(planes, plans) for every block.
template <typename Word, typename Use>
void for_each_block(const PlaneScheme& scheme, std::uint64_t elements, const WordSource<Word>& words,
                    const Use& use) {
  std::vector<Word> block;
  for (std::uint64_t done = 0; done < elements; done += kBlockElements) {
    const std::size_t count = block_size(elements, done);
    block.resize(count);
    words(done, block);
    std::vector<Plane> planes = make_planes(scheme, count);
    split_words(scheme, std::span<const Word>(block), planes);
    const std::vector<std::uint32_t> distances = distances_of(scheme, count);
    std::vector<PlanePlan> plans;
    for (const Plane& plane : planes) {
      const bool is_first = plans.empty();
      const bool use_first = !is_first && plans[0].mode != PlaneMode::constant;
      plans.push_back(plan_plane(plane, use_first ? &planes[0] : nullptr,
                                 is_first ? distances : std::vector<std::uint32_t>{}));
    }
    use(planes, plans);
  }
}

void add_period(std::vector<std::uint64_t>& periods, std::uint64_t period) {
  if (period > 0 && std::find(periods.begin(), periods.end(), period) == periods.end())
    periods.push_back(period);
}

std::vector<std::uint64_t> periods_of(const WeightLayout& layout) {
  std::vector<std::uint64_t> periods{1};
  std::uint64_t inner = 1;
  for (std::size_t i = layout.shape.size(); i-- > 1;) {
    inner *= layout.shape[i];
    add_period(periods, inner);
  }
  add_period(periods, layout.cols);
  if (periods.size() > 4) periods.resize(4);
  return periods;
}

}  // namespace

unsigned PlaneScheme::word_bits() const {
  return std::accumulate(widths.begin(), widths.end(), 0u);
}

PlaneScheme scheme_of(const WeightLayout& layout) {
  switch (layout.dtype) {
    case tensor::DType::f32:
      return {{8, 4, 8, 8, 4}, periods_of(layout)};
    case tensor::DType::f16:
      return {{5, 4, 7}, periods_of(layout)};
    case tensor::DType::bf16:
      return {{8, 4, 4}, periods_of(layout)};
    case tensor::DType::f64:
      return {{8, 7, 8, 8, 8, 8, 8, 8, 1}, periods_of(layout)};
  }
  return {};
}

PlaneScheme scheme_of_half(unsigned mantissa) {
  const unsigned upper = std::min(mantissa, 4u);
  return {{5, upper, mantissa - upper + 1}, {1}};
}

template <typename Word>
void encode_planes(const PlaneScheme& scheme, std::uint64_t elements, const WordSource<Word>& words,
                   base::Bytes& out) {
  const bool single = elements <= kBlockElements;
  for_each_block(scheme, elements, words,
                 [&](const std::vector<Plane>& planes, const std::vector<PlanePlan>& plans) {
                   const std::size_t start = out.size();
                   if (!single) base::append_le(out, std::uint32_t{0});
                   for (std::size_t k = 0; k < planes.size(); ++k)
                     write_plane(planes[k], k == 0 ? nullptr : &planes[0], plans[k], out);
                   if (!single)
                     base::store_le(out.data() + start, static_cast<std::uint32_t>(out.size() - start - 4));
                 });
}

template <typename Word>
std::uint64_t estimate_planes(const PlaneScheme& scheme, std::uint64_t elements,
                              const WordSource<Word>& words) {
  std::uint64_t size = 0;
  for_each_block(scheme, elements, words,
                 [&](const std::vector<Plane>&, const std::vector<PlanePlan>& plans) {
                   if (elements > kBlockElements) size += 4;
                   for (const PlanePlan& plan : plans) size += plan.size;
                 });
  return size;
}

PlaneReader::PlaneReader(PlaneScheme scheme, std::uint64_t elements, const CoreReader& cores,
                         std::uint64_t offset)
    : scheme_(std::move(scheme)),
      elements_(elements),
      cores_(cores),
      offset_(offset),
      single_(elements <= kBlockElements) {}

base::Bytes PlaneReader::read_block() {
  const std::uint64_t left = cores_.size(0) - offset_;
  std::uint64_t size = left;
  if (!single_) {
    if (left < 4) throw_corrupt("a block is missing");
    std::uint8_t length[4];
    cores_.read(0, offset_, length);
    offset_ += 4;
    size = base::load_le<std::uint32_t>(length);
    if (size > left - 4) throw_corrupt("a block ends too early");
  }
  // Sound blocks are at most about as large as their words; anything above would only cost memory.
  if (size > kBlockElements * 8 + 65536) throw_corrupt("a block is too large");
  base::Bytes block(static_cast<std::size_t>(size));
  cores_.read(0, offset_, block);
  offset_ += size;
  return block;
}

template <typename Word>
bool PlaneReader::next(std::vector<Word>& words) {
  if (done_ == elements_) {
    if (offset_ != cores_.size(0)) throw_corrupt("bytes follow its last block");
    return false;
  }
  const base::Bytes block = read_block();
  ByteCursor cursor(block);
  words.resize(block_size(elements_, done_));
  std::vector<Plane> planes = make_planes(scheme_, words.size());
  for (Plane& plane : planes) read_plane(cursor, &plane == &planes[0] ? nullptr : &planes[0], plane);
  if (cursor.left() != 0) throw_corrupt("bytes follow the last plane of a block");
  join_words(planes, std::span<Word>(words));
  done_ += words.size();
  return true;
}

template void encode_planes(const PlaneScheme&, std::uint64_t, const WordSource<std::uint32_t>&,
                            base::Bytes&);
template void encode_planes(const PlaneScheme&, std::uint64_t, const WordSource<std::uint64_t>&,
                            base::Bytes&);
template std::uint64_t estimate_planes(const PlaneScheme&, std::uint64_t, const WordSource<std::uint32_t>&);
template std::uint64_t estimate_planes(const PlaneScheme&, std::uint64_t, const WordSource<std::uint64_t>&);
template bool PlaneReader::next(std::vector<std::uint32_t>&);
template bool PlaneReader::next(std::vector<std::uint64_t>&);

}  // namespace tt::codec
