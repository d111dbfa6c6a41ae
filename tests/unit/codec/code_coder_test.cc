#include "codec/code_coder.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "base/error.h"
#include "tensor/trellis.h"

namespace {

using namespace tt;
using Codes = std::vector<std::int32_t>;

base::Bytes encode(const Codes& codes, std::uint64_t rows, std::uint64_t cols) {
  return codec::encode_codes({rows, cols, codes});
}

Codes decode(base::ByteView stream, std::uint64_t rows, std::uint64_t cols) {
  Codes codes;
  codec::decode_codes(stream, rows, cols, [&](std::uint64_t first_row, std::span<const std::int32_t> piece) {
    CHECK(first_row * cols == codes.size());
    CHECK(piece.size() % cols == 0);
    codes.insert(codes.end(), piece.begin(), piece.end());
  });
  return codes;
}

void check_round_trip(const Codes& codes, std::uint64_t rows, std::uint64_t cols) {
  CAPTURE(rows);
  CAPTURE(cols);
  const base::Bytes stream = encode(codes, rows, cols);
  CHECK(decode(stream, rows, cols) == codes);
  CHECK(encode(codes, rows, cols) == stream);
}

// Normal values whose scale differs from column to column and from row to row.
Codes normal_codes(std::uint64_t rows, std::uint64_t cols, double scale, double spread, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  std::vector<double> row_scale(rows), col_scale(cols);
  for (double& s : row_scale) s = std::exp(0.3 * normal(random));
  for (double& s : col_scale) s = scale * std::exp(spread * normal(random));
  Codes codes;
  for (std::uint64_t i = 0; i < rows; ++i)
    for (std::uint64_t j = 0; j < cols; ++j)
      codes.push_back(static_cast<std::int32_t>(std::lround(normal(random) * row_scale[i] * col_scale[j])));
  return codes;
}

// A refusal must be `corrupt`; anything else is a result.
bool accepts(base::ByteView stream, std::uint64_t rows, std::uint64_t cols) {
  try {
    codec::decode_codes(stream, rows, cols, [](std::uint64_t, std::span<const std::int32_t>) {});
    return true;
  } catch (const base::Error& error) {
    CHECK(error.kind() == base::ErrorKind::corrupt);
    return false;
  }
}

// Codes whose rows follow a trellis, drawn as normal_codes() are.
Codes trellis_codes(std::uint64_t rows, std::uint64_t cols, double scale, unsigned seed) {
  Codes codes = normal_codes(rows, cols, scale, 0.5, seed);
  for (std::uint64_t i = 0; i < rows; ++i) {
    std::uint32_t state = 0;
    for (std::int32_t& code : std::span(codes).subspan(i * cols, cols)) {
      code = 2 * (code / 2) + (tensor::takes_odd(state) ? (code < 0 ? -1 : 1) : 0);
      state = tensor::next_state(state, tensor::in_higher_subset(code));
    }
  }
  return codes;
}

double entropy_bits(const Codes& codes) {
  std::vector<std::uint64_t> counts(1u << 16, 0);
  for (const std::int32_t code : codes) ++counts[static_cast<std::size_t>(code + (1 << 15))];
  double bits = 0;
  const auto total = static_cast<double>(codes.size());
  for (const std::uint64_t count : counts)
    if (count > 0) bits -= static_cast<double>(count) * std::log2(static_cast<double>(count) / total);
  return bits;
}

}  // namespace

TEST_CASE("codes of every shape come back") {
  const std::vector<std::pair<std::uint64_t, std::uint64_t>> shapes = {
      {1, 1},   {1, 2},  {2, 1},   {1, 1000}, {1000, 1}, {3, 5},     {16, 1},    {63, 64},
      {64, 63}, {65, 9}, {128, 1}, {257, 31}, {300, 77}, {1024, 40}, {20, 3000}, {5000, 3}};
  unsigned seed = 0;
  for (const auto& [rows, cols] : shapes)
    for (const double scale : {0.02, 0.3, 1.0, 7.0, 300.0})
      check_round_trip(normal_codes(rows, cols, scale, 1.0, ++seed), rows, cols);
}

TEST_CASE("codes at the ends of the range come back") {
  constexpr std::int32_t low = std::numeric_limits<std::int32_t>::min();
  constexpr std::int32_t high = std::numeric_limits<std::int32_t>::max();
  check_round_trip({low}, 1, 1);
  check_round_trip({high}, 1, 1);
  check_round_trip({0, low, 0, high, 0, 1}, 2, 3);
  check_round_trip({0, low, 0, high, 0, 1}, 3, 2);
  check_round_trip(Codes(5000, low), 50, 100);
  check_round_trip(Codes(5000, high), 100, 50);
  Codes one(4096, 0);
  one[2000] = low;
  check_round_trip(one, 64, 64);
  std::mt19937 random(7);
  Codes any(10000);
  for (std::int32_t& code : any) code = static_cast<std::int32_t>(random());
  check_round_trip(any, 100, 100);
  CHECK(encode(any, 100, 100).size() < 4 * any.size() * 105 / 100);
}

TEST_CASE("codes along a trellis come back, a bit cheaper each than free ones") {
  unsigned seed = 100;
  for (const auto& [rows, cols] : {std::pair<std::uint64_t, std::uint64_t>{1, 1},
                                   {1, 1000},
                                   {1000, 1},
                                   {63, 64},
                                   {257, 31},
                                   {300, 77},
                                   {20, 3000}})
    for (const double scale : {0.3, 2.0, 14.0, 600.0}) {
      const Codes codes = trellis_codes(rows, cols, scale, ++seed);
      const base::Bytes stream = codec::encode_codes({rows, cols, codes, true});
      CHECK(decode(stream, rows, cols) == codes);
      CHECK(codec::encode_codes({rows, cols, codes, true}) == stream);
      const auto size = static_cast<double>(stream.size());
      CHECK(std::abs(codec::estimate_bits({rows, cols, codes, true}) / 8 - size) < 0.02 * size + 5);
      if (codes.size() < 10000 || scale < 2) continue;
      const double saved = static_cast<double>(encode(codes, rows, cols).size()) - size;
      CHECK(8 * saved > 0.8 * static_cast<double>(codes.size()));
    }
}

TEST_CASE("the largest codes along a trellis come back") {
  Codes codes = trellis_codes(8, 8, 3, 5);
  for (std::size_t i = 0; i < codes.size(); i += 3) codes[i] += i % 2 == 0 ? 0x7fffff00 : -0x7fffff00;
  CHECK(decode(codec::encode_codes({8, 8, codes, true}), 8, 8) == codes);
}

TEST_CASE("a broken stream of codes along a trellis is corrupt or says other codes") {
  for (const double scale : {0.3, 4.0, 300.0}) {
    const Codes codes = trellis_codes(30, 20, scale, 61);
    base::Bytes stream = codec::encode_codes({30, 20, codes, true});
    for (std::size_t size = 0; size < stream.size(); ++size)
      accepts(base::ByteView(stream).first(size), 30, 20);
    for (std::size_t size = 0; size < 6; ++size)
      CHECK_FALSE(accepts(base::ByteView(stream).first(size), 30, 20));
    for (std::size_t bit = 0; bit < 8 * stream.size(); ++bit) {
      stream[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
      accepts(stream, 30, 20);
      stream[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    }
    for (const unsigned flag : {64u, 128u}) {  // neither groups nor prediction go with a trellis
      base::Bytes other = stream;
      other[2] |= static_cast<std::uint8_t>(flag);
      CHECK_FALSE(accepts(other, 30, 20));
    }
  }
}

TEST_CASE("zeros cost one byte, no codes cost nothing") {
  CHECK(encode(Codes(100000, 0), 100, 1000).size() == 1);
  CHECK(decode(base::Bytes{0}, 100000, 3) == Codes(300000, 0));
  CHECK(encode({}, 0, 7).empty());
  CHECK(encode({}, 7, 0).empty());
  CHECK(decode({}, 0, 7).empty());
  CHECK_FALSE(accepts(base::Bytes{0}, 0, 7));
  CHECK_FALSE(accepts({}, 1, 1));
}

TEST_CASE("columns of different scales take fewer bytes than their order-0 entropy") {
  const Codes codes = normal_codes(512, 256, 2.0, 1.0, 3);
  CHECK(8.0 * static_cast<double>(encode(codes, 512, 256).size()) < 0.85 * entropy_bits(codes));
}

TEST_CASE("normal codes take little more than the entropy of their distribution") {
  // h = log2(sigma sqrt(2 pi e)) for one scale that the coder has to find out
  std::mt19937 random(5);
  std::normal_distribution<double> normal(0, 5.0);
  Codes codes(300 * 400);
  for (std::int32_t& code : codes) code = static_cast<std::int32_t>(std::lround(normal(random)));
  const double ideal = std::log2(5.0 * std::sqrt(2 * 3.14159265358979 * std::exp(1.0)));
  const double bits = 8.0 * static_cast<double>(encode(codes, 300, 400).size()) / 120000;
  CHECK(bits > ideal - 0.01);
  CHECK(bits < ideal * 1.01);
}

TEST_CASE("small matrices carry a few bytes of overhead") {
  for (const std::uint64_t count : {16u, 64u, 256u, 1024u}) {
    std::mt19937 random(11);
    std::normal_distribution<double> normal(0, 2.0);
    Codes codes(count);
    for (std::int32_t& code : codes) code = static_cast<std::int32_t>(std::lround(normal(random)));
    const double entropy = 3.05 * static_cast<double>(count);  // of the distribution
    CHECK(8.0 * static_cast<double>(encode(codes, count / 8, 8).size()) < 1.05 * entropy + 8 * 6);
  }
}

TEST_CASE("the estimate is within 2 % of the size") {
  unsigned seed = 20;
  for (const double scale : {0.1, 0.6, 4.0, 50.0}) {
    for (const auto& [rows, cols] :
         {std::pair<std::uint64_t, std::uint64_t>{1500, 400}, {64, 64}, {2, 8000}}) {
      const Codes codes = normal_codes(rows, cols, scale, 0.7, ++seed);
      const auto size = static_cast<double>(encode(codes, rows, cols).size());
      CAPTURE(scale);
      CAPTURE(rows);
      CHECK(std::abs(codec::estimate_bits({rows, cols, codes}) / 8 - size) < 0.02 * size + 4);
    }
  }
}

TEST_CASE("a truncated or lengthened stream of codes is corrupt") {
  for (const double scale : {0.1, 3.0, 200.0}) {
    const base::Bytes stream = encode(normal_codes(40, 30, scale, 1.0, 31), 40, 30);
    std::size_t accepted = 0;  // an escape that is read at another place can make up for the difference
    for (std::size_t size = 0; size < stream.size(); ++size)
      accepted += accepts(base::ByteView(stream).first(size), 40, 30);
    CHECK(accepted <= stream.size() / 100);
    for (std::size_t size = 0; size < 6; ++size)
      CHECK_FALSE(accepts(base::ByteView(stream).first(size), 40, 30));
    base::Bytes longer = stream;
    for (int i = 0; i < 100; ++i) {
      longer.push_back(0);
      accepted += accepts(longer, 40, 30);
    }
    CHECK(accepted <= stream.size() / 100 + 3);
    CHECK_FALSE(accepts(stream, 40, 29));
    CHECK_FALSE(accepts(stream, 39, 30));
  }
}

TEST_CASE("a flipped bit ends in corrupt or in other codes") {
  for (const double scale : {0.1, 3.0, 200.0}) {
    const Codes codes = normal_codes(30, 20, scale, 1.0, 41);
    base::Bytes stream = encode(codes, 30, 20);
    for (std::size_t bit = 0; bit < 8 * stream.size(); ++bit) {
      stream[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
      accepts(stream, 30, 20);
      stream[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    }
  }
}

TEST_CASE("random bytes end in corrupt or in codes") {
  std::mt19937 random(51);
  for (int round = 0; round < 2000; ++round) {
    base::Bytes stream(random() % 200);
    for (std::uint8_t& byte : stream) byte = static_cast<std::uint8_t>(random());
    accepts(stream, 1 + random() % 40, 1 + random() % 40);
  }
}
