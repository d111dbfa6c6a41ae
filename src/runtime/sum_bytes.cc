#include "runtime/sum_bytes.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/zstd_frame.h"
#include "runtime/input_sum.h"

namespace tt::runtime {
namespace {

using base::Bytes;
using base::ByteView;

constexpr int kLevel = 1;  // random low bits gain nothing from more
constexpr std::uint64_t kFreeSum = 64u << 20, kMaxRatio = 1024;

[[noreturn]] void refuse(const std::string& where, const std::string& why) {
  throw base::Error(base::ErrorKind::corrupt, where + ": " + why, "calibrate the model again");
}

// Calls f(entry, unit) for every entry.
template <typename F>
void each_unit(BinnedSum::Form form, const std::vector<std::int16_t>& exponents, F&& f) {
  const std::size_t n = exponents.size();
  std::size_t k = 0;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = i; j < (form == BinnedSum::Form::vector ? i + 1 : n); ++j)
      f(k++, BinnedSum::unit(exponents[i], exponents[j]));
}

std::uint64_t zigzag(double integer) {
  const auto value = static_cast<std::int64_t>(integer);
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
double unzigzag(std::uint64_t code) {
  return static_cast<double>(static_cast<std::int64_t>(code >> 1) ^ -static_cast<std::int64_t>(code & 1));
}

void put_plane_bytes(std::uint64_t code, std::uint8_t* first, std::uint64_t entries) {
  for (unsigned byte = 0; byte < 8; ++byte, code >>= 8) first[byte * entries] = static_cast<std::uint8_t>(code);
}
std::uint64_t plane_bytes(const std::uint8_t* first, std::uint64_t entries) {
  std::uint64_t code = 0;
  for (unsigned byte = 8; byte-- > 0;) code = code << 8 | first[byte * entries];
  return code;
}

Bytes content_of(const BinnedSum& sum, std::uint64_t size) {
  Bytes content(size);
  for (std::size_t i = 0; i < sum.size(); ++i) base::store_le(content.data() + 2 * i, sum.exponents()[i]);
  const std::uint64_t entries = sum.hi().size();
  std::uint8_t* const hi = content.data() + 2 * sum.size();
  std::uint8_t* const lo = hi + 8 * entries;
  each_unit(sum.form(), sum.exponents(), [&](std::size_t k, double unit) {
    put_plane_bytes(zigzag(sum.hi()[k] / unit), hi + k, entries);
    put_plane_bytes(zigzag(sum.lo()[k] / (unit * 0x1p-40)), lo + k, entries);
  });
  return content;
}

std::uint64_t packed_place(std::uint64_t i, std::uint64_t axes) {
  return i * (2 * axes - i + 1) / 2;
}

void check_gram(const std::vector<double>& totals, std::uint64_t axes, double rows, const std::string& where) {
  std::vector<double> root(axes);
  for (std::uint64_t i = 0; i < axes; ++i) {
    const double diagonal = totals[packed_place(i, axes)];
    if (!(diagonal >= 0) || !std::isfinite(diagonal)) refuse(where, "a sum of squares is negative or not finite");
    root[i] = std::sqrt(diagonal);
  }
  std::size_t k = 0;
  for (std::uint64_t i = 0; i < axes; ++i)
    for (std::uint64_t j = i; j < axes; ++j, ++k)
      if (!(std::fabs(totals[k]) <= root[i] * root[j] * (1 + 1e-6)))
        refuse(where, "entry " + std::to_string(i) + ", " + std::to_string(j) + " is larger than its diagonal");
  if (totals.back() != rows) refuse(where, "its number of rows is another one than the manifest's");
}

void check_vector(const InputInfo& input, const std::vector<double>& totals, const std::string& where) {
  double sum = 0;
  for (const double value : totals) {
    if (!(value >= 0) || !std::isfinite(value)) refuse(where, "an entry is negative");
    sum += value;
  }
  if (input.kind == InputKind::tokens && sum != static_cast<double>(input.rows))
    refuse(where, "its number of rows is another one than the manifest's");
}

}  // namespace

Bytes pack_sum(const InputInfo& input, const BinnedSum& sum, StoredSum& stored) {
  stored.blocks = sum.blocks();
  if (sum.blocks() == 0) return {};
  Bytes content = content_of(sum, sum_content_size(input));
  Bytes frame = base::zstd_compress(content, kLevel);
  const bool plain = content.size() > kFreeSum && content.size() / kMaxRatio > frame.size();
  stored.coding = plain ? SumCoding::raw : SumCoding::zstd;
  Bytes& bytes = plain ? content : frame;
  stored.bytes = bytes.size();
  stored.sha256 = base::sha256(bytes);
  return std::move(bytes);
}

BinnedSum unpack_sum(const InputInfo& input, const StoredSum& stored, const Bytes& bytes,
                     const std::string& where) {
  const BinnedSum::Form form = sum_form(input.kind);
  const std::uint64_t axes = sum_size(input.kind, input.size);
  if (stored.coding == SumCoding::none) return BinnedSum(form, axes);
  if (base::sha256(bytes) != stored.sha256) refuse(where, "its bytes have not the sha256 of the manifest");
  const std::uint64_t size = sum_content_size(input);
  Bytes unpacked;
  if (stored.coding == SumCoding::zstd) unpacked = base::zstd_decompress(bytes, size);
  const Bytes& content = stored.coding == SumCoding::zstd ? unpacked : bytes;
  std::vector<std::int16_t> exponents(axes);
  for (std::size_t i = 0; i < axes; ++i) {
    exponents[i] = base::load_le<std::int16_t>(content.data() + 2 * i);
    if (exponents[i] < kLeastExponent || exponents[i] > kMostExponent) refuse(where, "an exponent is out of range");
  }
  const std::uint64_t entries = BinnedSum::entries(form, axes);
  const std::uint8_t* const first = content.data() + 2 * axes;
  std::vector<double> hi(entries), lo(entries);
  const double most = std::ldexp(static_cast<double>(stored.blocks), 40);
  each_unit(form, exponents, [&](std::size_t k, double unit) {
    const double high = unzigzag(plane_bytes(first + k, entries));
    const double low = unzigzag(plane_bytes(first + 8 * entries + k, entries));
    if (std::fabs(high) > most || std::fabs(low) > most) refuse(where, "an entry is out of range");
    hi[k] = high * unit;
    lo[k] = low * (unit * 0x1p-40);
  });
  BinnedSum sum(form, std::move(exponents), std::move(hi), std::move(lo), stored.blocks);
  if (form == BinnedSum::Form::triangle)
    check_gram(sum.totals(), axes, static_cast<double>(input.rows), where);
  else
    check_vector(input, sum.totals(), where);
  return sum;
}

}  // namespace tt::runtime
