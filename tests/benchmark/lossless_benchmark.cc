// The `lossless` encoding of payloads from files, for tests/benchmark/lossless.py.
// usage: lossless_benchmark RUNS (DTYPE ROWS COLS FILE)...
// Every file holds one weight. Prints as JSON the bytes in and out and the seconds of the fastest run over
// all weights, encoding and decoding, in one thread.
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iterator>
#include <string>

#include "codec/codec.h"
#include "stopwatch.h"

namespace {

using tt::codec::Core;
using tt::codec::WeightData;

constexpr tt::codec::Encoding kLossless{.format = tt::codec::Format::lossless};

WeightData read_weight(char** arguments) {
  WeightData weight;
  weight.layout.dtype = tt::tensor::dtype_from_name(arguments[0]).value();
  weight.layout.rows = std::stoull(arguments[1]);
  weight.layout.cols = std::stoull(arguments[2]);
  weight.layout.shape = {weight.layout.rows, weight.layout.cols};
  std::ifstream file(arguments[3], std::ios::binary);
  weight.payload.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  if (weight.payload.size() != weight.layout.payload_size()) throw std::length_error(arguments[3]);
  return weight;
}

void run(int runs, const std::vector<WeightData>& weights) {
  const tt::codec::Codec& codec = tt::codec::codec_for(tt::codec::Format::lossless);
  std::vector<std::vector<Core>> coded;
  const tt::benchmark::Times encoding = tt::benchmark::measure(runs, [&] {
    coded.clear();
    for (const WeightData& weight : weights) coded.push_back(codec.encode(weight, kLossless));
  });
  std::vector<tt::base::Bytes> decoded(weights.size());
  const tt::benchmark::Times decoding = tt::benchmark::measure(runs, [&] {
    for (std::size_t i = 0; i < weights.size(); ++i) {
      decoded[i] = tt::codec::decode_all(weights[i].layout, kLossless, tt::codec::MemoryCores(coded[i]));
    }
  });
  std::size_t bytes_in = 0, bytes_out = 0;
  bool exact = true;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    exact = exact && decoded[i] == weights[i].payload;
    bytes_in += weights[i].payload.size();
    for (const Core& core : coded[i]) bytes_out += core.bytes.size();
  }
  std::printf("{\"bytes_in\": %zu, \"bytes_out\": %zu, \"exact\": %s, \"encode\": %.6f, \"decode\": %.6f}\n",
              bytes_in, bytes_out, exact ? "true" : "false", encoding.fastest, decoding.fastest);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6 || argc % 4 != 2) {
    std::fprintf(stderr, "usage: %s RUNS (DTYPE ROWS COLS FILE)...\n", argv[0]);
    return EXIT_FAILURE;
  }
  try {
    std::vector<WeightData> weights;
    for (int i = 2; i < argc; i += 4) weights.push_back(read_weight(argv + i));
    run(std::stoi(argv[1]) | 1, weights);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    return EXIT_FAILURE;
  }
}
