// One plane of one block: choosing how it is stored, writing and reading it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "codec/cursor.h"
#include "codec/rans.h"

namespace tt::codec {

enum class PlaneMode : std::uint8_t { constant = 0, packed = 1, rans = 2 };
inline constexpr std::size_t kMaxClasses = 16;

// Symbols of one plane; `lead` zero bytes precede them in memory, so that symbols()[-d] may be read for d <=
// lead.
class Plane {
 public:
  Plane(unsigned width, std::size_t count, std::size_t lead)
      : width_(width), lead_(lead), storage_(lead + count) {}
  unsigned width() const { return width_; }
  std::span<std::uint8_t> symbols() { return std::span(storage_).subspan(lead_); }
  std::span<const std::uint8_t> symbols() const { return std::span(storage_).subspan(lead_); }
  const std::uint8_t* behind(std::size_t distance) const { return storage_.data() + (lead_ - distance); }
  std::size_t lead() const { return lead_; }

 private:
  unsigned width_;
  std::size_t lead_;
  base::Bytes storage_;
};

// How a plane will be stored, and its size in bytes (exact but for the entropy coder's rounding).
struct PlanePlan {
  PlaneMode mode = PlaneMode::packed;
  std::uint64_t size = 0;
  std::uint32_t distance = 0;            // 0: the context is plane 0 of the same element
  std::vector<std::uint8_t> thresholds;  // class of a context symbol = number of thresholds <= it
  std::vector<FrequencyTable> tables;    // one a class
};

// `first` is plane 0 of the block, or null if `plane` is plane 0; `distances` are tried for plane 0 only.
PlanePlan plan_plane(const Plane& plane, const Plane* first, std::span<const std::uint32_t> distances);
void write_plane(const Plane& plane, const Plane* first, const PlanePlan& plan, base::Bytes& out);
// Fills `plane`. Errors: corrupt.
void read_plane(ByteCursor& cursor, const Plane* first, Plane& plane);

}  // namespace tt::codec
