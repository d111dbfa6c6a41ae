// Code streams of matrices of codes from files: bytes beside zstd -19 of the packed codes and the order-0
// entropy, and the speed in one thread. usage: codes_benchmark RUNS (ROWS COLS FILE)...      every FILE holds
// int32 codes, row after row
#include <zstd.h>

#include <cmath>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>

#include "codec/code_coder.h"
#include "stopwatch.h"

namespace {

using namespace tt;

std::vector<std::int32_t> read_codes(const char* path, std::uint64_t count) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (bytes.size() != 4 * count) throw std::length_error(path);
  std::vector<std::int32_t> codes(count);
  std::memcpy(codes.data(), bytes.data(), bytes.size());
  return codes;
}

double entropy_bytes(const std::vector<std::int32_t>& codes) {
  std::map<std::int32_t, double> counts;
  for (const std::int32_t code : codes) ++counts[code];
  double bits = 0;
  for (const auto& [code, count] : counts)
    bits -= count * std::log2(count / static_cast<double>(codes.size()));
  return bits / 8;
}

// Codes as one byte each where they fit into it, else two or four.
std::size_t zstd_bytes(const std::vector<std::int32_t>& codes) {
  std::int32_t largest = 0;
  for (const std::int32_t code : codes) largest |= code < 0 ? ~code : code;
  const unsigned width = largest < 128 ? 1 : largest < 32768 ? 2 : 4;
  base::Bytes packed;
  for (const std::int32_t code : codes)
    for (unsigned i = 0; i < width; ++i) packed.push_back(static_cast<std::uint8_t>(code >> 8 * i));
  base::Bytes out(ZSTD_compressBound(packed.size()));
  return ZSTD_compress(out.data(), out.size(), packed.data(), packed.size(), 19);
}

void run(int runs, const char* path, std::uint64_t rows, std::uint64_t cols) {
  const std::vector<std::int32_t> codes = read_codes(path, rows * cols);
  const codec::CodeMatrix matrix{rows, cols, codes};
  base::Bytes stream;
  double estimate = 0;
  std::vector<std::int32_t> decoded;
  const benchmark::Times encoding = benchmark::measure(runs, [&] { stream = codec::encode_codes(matrix); });
  const benchmark::Times estimating =
      benchmark::measure(runs, [&] { estimate = codec::estimate_bits(matrix) / 8; });
  const benchmark::Times decoding = benchmark::measure(runs, [&] {
    decoded.clear();
    codec::decode_codes(stream, rows, cols, [&](std::uint64_t, std::span<const std::int32_t> piece) {
      decoded.insert(decoded.end(), piece.begin(), piece.end());
    });
  });
  if (decoded != codes) throw std::logic_error("the codes do not come back");
  const auto count = static_cast<double>(codes.size()), size = static_cast<double>(stream.size());
  const double floats = count * 4e-6;  // MB
  std::printf(
      "%s: %zu bytes, %.4f bits a code; order-0 entropy %.4f, zstd -19 %.4f; estimate %+.2f %%; "
      "MB/s of float32: encode %.0f, estimate %.0f, decode %.0f\n",
      path, stream.size(), 8 * size / count, 8 * entropy_bytes(codes) / count,
      8 * static_cast<double>(zstd_bytes(codes)) / count, 100 * (estimate / size - 1),
      floats / encoding.fastest, floats / estimating.fastest, floats / decoding.fastest);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5 || argc % 3 != 2) {
    std::fprintf(stderr, "usage: %s RUNS (ROWS COLS FILE)...\n", argv[0]);
    return EXIT_FAILURE;
  }
  try {
    for (int i = 2; i < argc; i += 3)
      run(std::stoi(argv[1]) | 1, argv[i + 2], std::stoull(argv[i]), std::stoull(argv[i + 1]));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    return EXIT_FAILURE;
  }
}
