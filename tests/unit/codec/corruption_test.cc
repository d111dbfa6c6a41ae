// Any bytes give an error of kind corrupt or a result of the right size, never a crash.
#include <doctest/doctest.h>

#include "base/error.h"
#include "codec/codec.h"
#include "codec/rans.h"
#include "samples.h"

using namespace tt;
using codec::Encoding;
using codec::Format;
using tensor::DType;

// True if decoding failed; a result must have the right size.
static bool fails(const codec::WeightData& weight, const Encoding& encoding,
                  const std::vector<codec::Core>& cores) {
  try {
    const base::Bytes payload = decode(weight.layout, encoding, cores);
    REQUIRE(payload.size() == weight.payload.size());
    return false;
  } catch (const base::Error& error) {
    REQUIRE(error.kind() == base::ErrorKind::corrupt);
    return true;
  }
}

static std::vector<Encoding> encodings() {
  return {{.format = Format::raw},
          {.format = Format::lossless},
          {.format = Format::f16, .mantissa = 6},
          {.format = Format::quant, .rate = 3},
          {.format = Format::blockquant, .bits = 4, .group = 16, .axis = 1},
          {.format = Format::blockquant, .bits = 8, .group = 0, .axis = 0},
          {.format = Format::lowrank, .rank = 3},
          {.format = Format::tt, .modes = {40, 5, 10}, .ranks = {6, 7}}};
}

TEST_CASE("every truncation, and a byte too many, is an error") {
  const codec::WeightData weight = sample_weight(DType::f32, {40, 50}, 0);
  for (const Encoding& encoding : encodings()) {
    const std::vector<codec::Core> cores = encode(weight, encoding);
    for (std::size_t size = 0; size < cores[0].bytes.size(); size += 1 + size / 300) {
      std::vector<codec::Core> cut = cores;
      cut[0].bytes.resize(size);
      CHECK(fails(weight, encoding, cut));
    }
    std::vector<codec::Core> longer = cores;
    longer[0].bytes.push_back(0);
    CHECK(fails(weight, encoding, longer));
    CHECK(fails(weight, encoding, {}));
  }
}

TEST_CASE("flipped bits never crash") {
  std::mt19937 generator(1);
  for (const int kind : {0, 2, 3}) {
    const codec::WeightData weight = sample_weight(DType::f32, {100, 60}, kind);
    for (const Encoding& encoding : encodings()) {
      if (encoding.format != Format::lossless && encoding.format != Format::f16 &&
          ((encoding.format != Format::quant && encoding.format != Format::blockquant) || kind == 2))
        continue;
      const std::vector<codec::Core> cores = encode(weight, encoding);
      const std::size_t bits = cores[0].bytes.size() * 8;
      for (int i = 0; i < 1500; ++i) {
        std::vector<codec::Core> broken = cores;
        // The headers are short: half of the flips go to the first bytes.
        const std::size_t bit = generator() % (i % 2 == 0 ? std::min<std::size_t>(bits, 1600) : bits);
        broken[0].bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
        fails(weight, encoding, broken);
      }
    }
  }
}

TEST_CASE("random bytes never crash") {
  std::mt19937 generator(2);
  for (int i = 0; i < 3000; ++i) {
    std::vector<codec::Core> cores(1);
    cores[0].bytes.resize(generator() % 200);
    for (std::uint8_t& byte : cores[0].bytes)
      byte = static_cast<std::uint8_t>(generator() % (i % 3 == 0 ? 256 : 4));
    const codec::WeightData weight =
        sample_weight(i % 2 == 0 ? DType::f32 : DType::f64, {1 + generator() % 300}, 5);
    fails(weight, {.format = Format::lossless}, cores);
    fails(weight, {.format = Format::f16, .mantissa = 2}, cores);
    fails(weight, {.format = Format::quant, .rate = 3}, cores);
    fails(weight, {.format = Format::blockquant, .group = 16, .axis = 1}, cores);
  }
}

TEST_CASE("several blocks with lying lengths are errors") {
  const codec::WeightData weight = sample_weight(DType::bf16, {600000}, 0);
  const Encoding encoding{.format = Format::lossless};
  const std::vector<codec::Core> cores = encode(weight, encoding);
  REQUIRE_FALSE(fails(weight, encoding, cores));
  for (const std::uint32_t length : {0u, 1u, 1000u, 0x7fffffffu, 0xffffffffu}) {
    std::vector<codec::Core> broken = cores;
    base::store_le(broken[0].bytes.data() + 1, length);
    CHECK(fails(weight, encoding, broken));
  }
}

TEST_CASE("frequency tables sum to the total and read back") {
  std::mt19937 generator(3);
  for (int i = 0; i < 200; ++i) {
    std::vector<std::uint32_t> counts(1 + generator() % 256);
    for (std::uint32_t& count : counts)
      count = generator() % 3 == 0 ? 0 : static_cast<std::uint32_t>(generator() >> (generator() % 32));
    const codec::FrequencyTable table = codec::FrequencyTable::fit(counts);
    base::Bytes bytes;
    table.write(bytes);
    codec::ByteCursor cursor(bytes);
    const codec::FrequencyTable back = codec::FrequencyTable::parse(cursor, 256);
    CHECK(cursor.left() == 0);
    REQUIRE(back.size() == table.size());
    std::uint32_t sum = 0;
    for (std::uint32_t s = 0; s < table.size(); ++s) {
      CHECK(back.frequency(s) == table.frequency(s));
      CHECK((table.frequency(s) > 0) == (counts[s] > 0));
      sum += table.frequency(s);
    }
    CHECK((table.empty() || sum == codec::kRansTotal));
  }
  base::Bytes wrong{2, 0, 0x81, 0x10, 0x80, 0x10};
  codec::ByteCursor cursor(wrong);
  CHECK_THROWS_AS(codec::FrequencyTable::parse(cursor, 256), base::Error);
  codec::ByteCursor narrow(wrong);
  CHECK_THROWS_AS(codec::FrequencyTable::parse(narrow, 1), base::Error);
}

TEST_CASE("a stream is close to the entropy and ends where it should") {
  std::vector<std::uint8_t> symbols(100000);
  std::mt19937 generator(4);
  for (std::uint8_t& symbol : symbols)
    symbol = static_cast<std::uint8_t>(std::min(generator() % 16, generator() % 16));
  std::vector<std::uint32_t> counts(16, 0);
  for (const std::uint8_t symbol : symbols) ++counts[symbol];
  const std::vector<codec::FrequencyTable> tables{codec::FrequencyTable::fit(counts)};
  base::Bytes stream;
  codec::rans_encode(symbols, {}, tables, stream);
  const double ideal = tables[0].cost_bits(counts) / 8;
  CHECK(static_cast<double>(stream.size()) < ideal + 4 * codec::rans_lanes(symbols.size()) + 8);
  std::vector<codec::DecodeTable> decoding(1);
  codec::fill_decode_table(tables[0], decoding[0]);
  std::vector<std::uint8_t> back(symbols.size());
  codec::ByteCursor cursor(stream);
  codec::rans_decode(cursor, {}, decoding, back);
  CHECK(back == symbols);
  stream[8] ^= 1;
  codec::ByteCursor broken(stream);
  CHECK_THROWS_AS(codec::rans_decode(broken, {}, decoding, back), base::Error);
}
