// The decomposition engine: SVD by tolerance against LAPACK's sgesdd in both layouts, TT-SVD of n^3 against
// the bound of the machine, reconstruction against memcpy, kernels against BLAS, two workers against one.
// One BLAS thread, as in the program. Bounds: the larger of memory traffic at the speed of a copy and
// operations at the speed of sgemm, both measured here.
// usage: decomposition_benchmark [svd|trains|reconstruction|decode|workers]...
#include <cblas.h>
#include <lapacke.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

#include "base/memory.h"
#include "base/parallel.h"
#include "codec/codec.h"
#include "stopwatch.h"
#include "tensor/blas.h"
#include "tensor/gram.h"
#include "tensor/product.h"
#include "tensor/random.h"
#include "tensor/svd.h"
#include "tensor/tall_gram.h"
#include "tensor/tensor_train.h"

namespace {

using namespace tt::benchmark;
namespace tensor = tt::tensor;
namespace codec = tt::codec;

constexpr int kRuns = 9;

// Sums of four uniform numbers: near normal.
std::vector<float> random_floats(std::size_t count, std::uint64_t seed) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    double sum = 0;
    for (std::uint64_t part = 0; part < 4; ++part) sum += tensor::random_uniform(seed, 4 * i + part);
    values[i] = static_cast<float>(sum);
  }
  return values;
}

// A decaying spectrum, as a trained weight has one.
std::vector<float> weight_like(std::uint64_t rows, std::uint64_t cols, std::uint64_t seed) {
  std::vector<float> values = random_floats(rows * cols, seed);
  for (std::uint64_t i = 0; i < values.size(); ++i) values[i] /= 1.0f + static_cast<float>(i / cols) / 100.0f;
  return values;
}

codec::WeightData weight_of(const std::vector<float>& values, const tensor::Shape& shape) {
  codec::WeightData weight{{tensor::DType::f32, shape, shape[0], values.size() / shape[0]}, {}};
  weight.payload.resize(values.size() * sizeof(float));
  std::memcpy(weight.payload.data(), values.data(), weight.payload.size());
  return weight;
}

// sgesdd with vectors of a column-major rows x cols matrix.
std::function<void()> lapack_svd(const std::vector<float>& values, int rows, int cols,
                                 std::vector<float>& sigma) {
  return [&values, &sigma, rows, cols] {
    const int small = std::min(rows, cols);
    const auto d = static_cast<std::size_t>(small);
    sigma.resize(d);
    std::vector<float> left(d * static_cast<std::size_t>(rows)), right(d * static_cast<std::size_t>(cols));
    std::vector<float> a = values;  // overwritten
    LAPACKE_sgesdd(LAPACK_COL_MAJOR, 'S', rows, cols, a.data(), rows, sigma.data(), left.data(), rows,
                   right.data(), small);
  };
}

double measured_error(const tensor::MatrixView& a, const tensor::Svd& f) {
  const tensor::LowRank factors = tensor::balanced(f);
  return std::sqrt(tensor::residual_energy(a, factors.left, factors.right, f.rank) /
                   tensor::squared_norm(a.values));
}

std::uint64_t rank_by(const std::vector<float>& sigma, double tolerance) {
  tensor::Spectrum spectrum;
  for (const float value : sigma) spectrum.energy.push_back(static_cast<double>(value) * value);
  for (const double energy : spectrum.energy) spectrum.total += energy;
  return spectrum.rank_for(tolerance);
}

void svd_against_lapack() {
  constexpr std::uint64_t kRows = 768, kCols = 3072;
  const std::vector<float> values = weight_like(kRows, kCols, 1);
  std::vector<float> transposed(values.size()), sigma, flipped_sigma;
  for (std::uint64_t i = 0; i < kRows; ++i) {
    for (std::uint64_t j = 0; j < kCols; ++j) transposed[j * kRows + i] = values[i * kCols + j];
  }
  const tensor::MatrixView matrix{values, kRows, kCols};
  tensor::Svd found, random;
  const std::vector<Times> times = measure_in_turns(
      kRuns,
      {[&] { found = tensor::svd(matrix, {.tolerance = 0.5}); },
       [&] { random = tensor::svd(matrix, {.method = tensor::SvdMethod::randomized, .max_rank = 64}); },
       lapack_svd(transposed, kRows, kCols, sigma), lapack_svd(values, kCols, kRows, flipped_sigma)});
  print_against("SVD 768x3072, tolerance 0.5", times[0], "sgesdd 768x3072", times[2]);
  print_against("SVD 768x3072, tolerance 0.5", times[0], "sgesdd of the transpose", times[3]);
  print_against("SVD 768x3072, randomized, rank 64", times[1], "sgesdd of the transpose", times[3]);
  std::printf("  rank %llu (by sgesdd's values %llu), relative error by certificate %.7f, measured %.7f\n",
              static_cast<unsigned long long>(found.rank),
              static_cast<unsigned long long>(rank_by(sigma, 0.5)), found.relative_error(),
              measured_error(matrix, found));
  const codec::WeightData weight = weight_of(values, {kRows, kCols});
  const codec::Encoding encoding{
      .format = codec::Format::lowrank, .rank = found.rank, .dtype = tensor::DType::f32};
  const Times encoded = measure(kRuns, [&] { codec::codec_for(encoding.format).encode(weight, encoding); });
  print_against("  as compress encodes that rank", encoded, "sgesdd 768x3072", times[2]);
}

// Seconds for one of sgemm's operations, and for a byte of a copy (read and written: two).
struct Machine {
  double second_per_flop, second_per_byte;
};

Machine machine() {
  constexpr int kSide = 1024;
  const std::vector<float> a = random_floats(kSide * kSide, 2);
  std::vector<float> out(a.size()), large(std::size_t{1} << 24, 1.0f), copy(large.size());
  const std::vector<Times> times =
      measure_in_turns(kRuns, {[&] {
                                 cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, kSide, kSide, kSide,
                                             1, a.data(), kSide, a.data(), kSide, 0, out.data(), kSide);
                               },
                               [&] { std::memcpy(copy.data(), large.data(), large.size() * 4); }});
  const Machine found{times[0].fastest / (2.0 * kSide * kSide * kSide),
                      times[1].fastest / (8.0 * static_cast<double>(large.size()))};
  std::printf("sgemm %.1f GF/s, copy %.1f GB/s read and written\n", 1e-9 / found.second_per_flop,
              1e-9 / found.second_per_byte);
  return found;
}

// Two reads of what is left, or its Gram matrix over n columns and its product with rank columns.
double bound(const Machine& m, double n, double rank) {
  double elements = n * n * n, seconds = 0;
  for (int step = 0; step < 2; ++step) {
    seconds += std::max(8 * elements * m.second_per_byte, (n + 2 * rank) * elements * m.second_per_flop);
    elements *= rank / n;
  }
  return seconds;
}

void trains_against_bound(const Machine& m) {
  struct Size {
    std::uint64_t n;
    double specified;  // ms, 0 = none
  };
  for (const Size& size : {Size{10, 2.3}, Size{32, 45}, Size{64, 380}, Size{128, 3200}, Size{256, 0}}) {
    const std::uint64_t n = size.n, rank = std::min<std::uint64_t>(32, n);
    const std::vector<float> values = random_floats(n * n * n, n);
    const Times ours = measure(kRuns, [&] { tensor::tt_svd(values, {n, n, n}, {{rank, rank}, 0}); });
    const double least = bound(m, static_cast<double>(n), static_cast<double>(rank));
    std::printf("TT-SVD %3llu^3, rank %2llu %9.3f ms (median %9.3f)   bound %8.3f ms   ratio %5.2f",
                static_cast<unsigned long long>(n), static_cast<unsigned long long>(rank), ours.fastest * 1e3,
                ours.median * 1e3, least * 1e3, ours.fastest / least);
    if (size.specified > 0) std::printf("   specification %6.1f ms", size.specified);
    std::printf("\n");
  }
}

// All of decode: factors read, contracted, multiplied, converted, and copied together.
std::function<void()> decoding(const codec::WeightData& weight, const codec::Encoding& encoding,
                               const std::vector<codec::Core>& cores, std::vector<float>& out) {
  return [&] {
    codec::codec_for(encoding.format)
        .decode(weight.layout, encoding, codec::MemoryCores(cores),
                [&](std::uint64_t offset, tt::base::ByteView piece) {
                  std::memcpy(reinterpret_cast<std::uint8_t*>(out.data()) + offset, piece.data(),
                              piece.size());
                });
  };
}

void reconstruct(const tensor::TensorTrain& train, std::vector<float>& out) {
  const tensor::TrainHalves halves = tensor::contract_halves(train);
  tensor::fixed_order_product(halves.left, halves.right, halves.rows, halves.rank, halves.cols, out);
}

void reconstruction() {
  const std::vector<std::uint64_t> modes{256, 256, 256};
  const std::vector<float> values = random_floats(std::size_t{1} << 24, 6);
  const codec::WeightData weight = weight_of(values, {256, 65536});
  const codec::Encoding encoding{
      .format = codec::Format::tt, .modes = modes, .ranks = {32, 32}, .dtype = tensor::DType::f32};
  const std::vector<codec::Core> cores = codec::codec_for(encoding.format).encode(weight, encoding);
  const tensor::TensorTrain train = tensor::tt_svd(values, modes, {{32, 32}, 0});
  std::vector<float> out(values.size()), copy(values.size());
  const std::vector<Times> times =
      measure_in_turns(kRuns, {[&] { reconstruct(train, out); }, decoding(weight, encoding, cores, out),
                               [&] { std::memcpy(copy.data(), out.data(), out.size() * sizeof(float)); }});
  print_against("reconstruct 256^3, rank 32 (64 MiB)", times[0], "memcpy of the result", times[2]);
  print_against("  as decompress decodes it", times[1], "memcpy of the result", times[2]);
}

void decode_speed() {
  for (const auto& [rows, cols] : {std::pair{768u, 768u}, std::pair{768u, 3072u}, std::pair{4096u, 4096u}}) {
    const codec::WeightData weight = weight_of(weight_like(rows, cols, 3), {rows, cols});
    const codec::Encoding encoding{.format = codec::Format::lowrank, .rank = 32};
    const std::vector<codec::Core> cores = codec::codec_for(encoding.format).encode(weight, encoding);
    std::vector<float> out(weight.layout.elements());
    const Times ours = measure(kRuns, decoding(weight, encoding, cores, out));
    std::printf("decode low rank 32, %4ux%4u %8.2f ms (median %8.2f)   %.2f GB/s of float32\n", rows, cols,
                ours.fastest * 1e3, ours.median * 1e3,
                1e-9 * static_cast<double>(weight.payload.size()) / ours.fastest);
  }
}

void gram_against_blas() {
  for (const int n : {32, 64, 128}) {
    const std::size_t side = static_cast<std::size_t>(n), rows = (std::size_t{1} << 24) / side;
    const std::vector<float> x = random_floats(rows * side, 9);
    std::vector<float> gram(side * side);
    const std::vector<Times> times =
        measure_in_turns(kRuns, {[&] { tensor::tall_gram(x, rows, side); },
                                 [&] {
                                   cblas_ssyrk(CblasRowMajor, CblasUpper, CblasTrans, n,
                                               static_cast<int>(rows), 1, x.data(), n, 0, gram.data(), n);
                                 }});
    print_against(("Gram of 64 MiB, " + std::to_string(n) + " columns").c_str(), times[0], "ssyrk", times[1]);
  }
}

// 24 layers to tolerance 0.5 by one worker and by two, in turns, by the clock on the wall.
void workers() {
  constexpr std::size_t kLayers = 24;
  for (const std::uint64_t cols : {768u, 3072u}) {
    std::vector<std::vector<float>> layers;
    for (std::uint64_t i = 0; i < kLayers; ++i) layers.push_back(weight_like(768, cols, 100 + i));
    const auto by = [&layers, cols](unsigned threads) {
      return [&layers, cols, threads] {
        tt::base::parallel_for(layers.size(), threads, [&](std::size_t i) {
          tensor::svd({layers[i], 768, cols}, {.tolerance = 0.5});
        });
      };
    };
    const std::vector<Times> times = measure_in_turns(kRuns, {by(1), by(2)}, wall_seconds);
    std::printf("24 layers 768x%llu, one worker %8.1f ms   two %8.1f ms   speed-up %.2f\n",
                static_cast<unsigned long long>(cols), times[0].fastest * 1e3, times[1].fastest * 1e3,
                times[0].fastest / times[1].fastest);
  }
}

}  // namespace

int main(int count, char** arguments) {
  const std::vector<std::pair<std::string, std::function<void()>>> parts{
      {"svd", svd_against_lapack},
      {"trains", [] { trains_against_bound(machine()), gram_against_blas(); }},
      {"reconstruction", reconstruction},
      {"decode", decode_speed},
      {"workers", workers}};
  const std::vector<std::string> wanted(arguments + 1, arguments + count);
  for (const std::string& name : wanted) {
    if (std::any_of(parts.begin(), parts.end(), [&](const auto& part) { return part.first == name; }))
      continue;
    std::fprintf(stderr, "there is no part %s\n", name.c_str());
    return 64;
  }
  tt::base::keep_freed_memory();
  tensor::use_one_blas_thread();
  std::printf("fastest of %d runs each, in turns, time of the thread (of workers: wall); BLAS kernels %s\n",
              kRuns, tensor::blas_core_name().c_str());
  for (const auto& [name, run] : parts) {
    if (wanted.empty() || std::find(wanted.begin(), wanted.end(), name) != wanted.end()) run();
  }
}
