#include "runtime/input_rows.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/text.h"
#include "tensor/random.h"

namespace tt::runtime {
namespace {

using base::Error;
using base::ErrorKind;
using tensor::Shape;

constexpr std::uint64_t kRowCost = std::uint64_t{1} << 29, kLeastRows = 128, kMostRows = 4096;

std::vector<float> floats_of(const Array& array) {
  std::vector<float> values(tensor::element_count(array.shape));
  switch (array.type) {
    case ElementType::f32:
      tensor::to_float(tensor::DType::f32, array.data, values);
      break;
    case ElementType::f16:
      tensor::to_float(tensor::DType::f16, array.data, values);
      break;
    case ElementType::bf16:
      tensor::to_float(tensor::DType::bf16, array.data, values);
      break;
    default:
      tensor::to_float(tensor::DType::f64, array.data, values);
  }
  return values;
}

std::uint64_t product(const Shape& shape, std::size_t begin, std::size_t end) {
  return std::accumulate(shape.begin() + static_cast<std::ptrdiff_t>(begin),
                         shape.begin() + static_cast<std::ptrdiff_t>(end), std::uint64_t{1},
                         std::multiplies<>());
}

// Which of `count` rows are summed: those that are kept, and of these at most the limit for each sample.
std::vector<std::uint64_t> chosen_rows(std::uint64_t count, std::uint64_t limit, const RowOptions& options) {
  std::vector<std::uint64_t> rows;
  const bool masked = options.keep.size() == count && count > 0;
  const std::uint64_t samples = options.samples > 0 && count % options.samples == 0 ? options.samples : 1;
  const std::uint64_t each = count / samples;
  std::vector<std::uint64_t> kept;
  for (std::uint64_t sample = 0; sample < samples; ++sample) {
    kept.clear();
    for (std::uint64_t row = sample * each; row < (sample + 1) * each; ++row)
      if (!masked || options.keep[row] != 0) kept.push_back(row);
    if (kept.size() <= limit) {
      rows.insert(rows.end(), kept.begin(), kept.end());
      continue;
    }
    for (std::uint64_t i = 0; i < limit; ++i) {
      const std::uint64_t begin = kept.size() * i / limit, end = kept.size() * (i + 1) / limit;
      const std::uint64_t draw = tensor::random_bits(options.seed, (options.first + sample) * kMostRows + i);
      rows.push_back(kept[begin + draw % (end - begin)]);
    }
  }
  return rows;
}

std::vector<float> take_rows(const std::vector<float>& values, std::uint64_t size,
                             const std::vector<std::uint64_t>& rows) {
  std::vector<float> result(rows.size() * size);
  for (std::size_t i = 0; i < rows.size(); ++i)
    std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(rows[i] * size), size,
                result.begin() + static_cast<std::ptrdiff_t>(i * size));
  return result;
}

// The last axis but `inner` elements behind it becomes the last one: [.., size, inner] -> [.., inner, size].
std::vector<float> transposed(const std::vector<float>& values, std::uint64_t size, std::uint64_t inner) {
  std::vector<float> result(values.size());
  const std::uint64_t matrix = std::max<std::uint64_t>(1, size * inner);
  for (std::uint64_t first = 0; first < values.size(); first += matrix)
    for (std::uint64_t i = 0; i < size; ++i)
      for (std::uint64_t j = 0; j < inner; ++j) result[first + j * size + i] = values[first + i * inner + j];
  return result;
}

std::vector<float> patch_rows(const LayerInput& input, const Array& array, const RowOptions& options) {
  const std::vector<float> values = floats_of(array);
  const Patches patches(input.conv, Shape(array.shape.begin() + 2, array.shape.end()));
  const std::uint64_t image = values.size() / std::max<std::uint64_t>(1, array.shape[0]);
  RowOptions unmasked = options;
  unmasked.keep = {};
  const auto rows = chosen_rows(array.shape[0] * patches.positions(), row_limit(input.conv.patch_size()), unmasked);
  std::vector<float> result;
  result.reserve(rows.size() * input.conv.patch_size() * input.conv.group);
  for (const std::uint64_t row : rows)
    patches.append(std::span(values).subspan(row / patches.positions() * image, image),
                   row % patches.positions(), result);
  return result;
}

std::vector<float> energy_rows(const LayerInput& input, const Array& array, const RowOptions& options) {
  const std::vector<float> patches = patch_rows(input, array, options);
  const std::uint64_t taps = input.conv.patch_size();
  const std::uint64_t channels = patches.size() / taps;  // of all positions
  std::vector<float> result;
  result.reserve(channels * input.copies);
  for (std::uint64_t channel = 0; channel < channels; ++channel) {
    double energy = 0;
    for (std::uint64_t i = 0; i < taps; ++i) {
      const double value = static_cast<double>(patches[channel * taps + i]);
      energy += value * value;
    }
    result.insert(result.end(), input.copies, static_cast<float>(energy / static_cast<double>(taps)));
  }
  return result;
}

// [steps, directions, batch, size]: the state before step t is the output of step t - 1, or t + 1 of the second
// direction; the first one is not known here.
std::vector<float> hidden_rows(const Array& array, std::uint64_t size) {
  const std::vector<float> values = floats_of(array);
  const std::uint64_t steps = array.shape[0], directions = array.shape[1], batch = array.shape[2];
  std::vector<float> result;
  for (std::uint64_t step = 0; step < steps; ++step)
    for (std::uint64_t direction = 0; direction < directions; ++direction) {
      if (direction == 0 ? step + 1 == steps : step == 0) continue;
      const auto begin =
          values.begin() + static_cast<std::ptrdiff_t>((step * directions + direction) * batch * size);
      result.insert(result.end(), begin, begin + static_cast<std::ptrdiff_t>(batch * size));
    }
  return result;
}

}  // namespace

std::uint64_t row_limit(std::uint64_t size) {
  const std::uint64_t side = std::min<std::uint64_t>(std::max<std::uint64_t>(size, 1), kRowCost);
  return std::clamp(kRowCost / side / side, kLeastRows, kMostRows);
}

std::string problem_of(const LayerInput& input, const Array& array) {
  const Shape& shape = array.shape;
  const std::string is = "its input is " + std::string(element_name(array.type)) + " " + tensor::shape_text(shape);
  const std::size_t rank = shape.size();
  if ((input.kind == InputKind::tokens) == is_float(array.type) || array.type == ElementType::boolean) return is;
  switch (input.kind) {
    case InputKind::tokens:
      return "";
    case InputKind::rows:
      return rank >= 1 && shape[rank - 1] == input.size ? "" : is;
    case InputKind::columns:
      return rank >= 2 && shape[rank - 2] == input.size ? "" : is;
    case InputKind::channels:
      return rank >= 3 && shape[1] == input.size ? "" : is;
    case InputKind::hidden:
      return rank == 4 && shape[3] == input.size && shape[1] <= 2 ? "" : is;
    default:
      return rank == input.conv.kernel.size() + 2 && shape[1] == input.conv.channels ? "" : is;
  }
}

std::vector<float> rows_of(const LayerInput& input, const Array& array, const RowOptions& options) {
  if (const std::string problem = problem_of(input, array); !problem.empty())
    throw Error(ErrorKind::bad_data, "layer " + base::quoted(input.layer) + " changes its form, " + problem);
  const Shape& shape = array.shape;
  std::vector<float> values;
  switch (input.kind) {
    case InputKind::patches:
      return patch_rows(input, array, options);
    case InputKind::energies:
      return energy_rows(input, array, options);
    case InputKind::columns:
      values = transposed(floats_of(array), input.size, shape.back());
      break;
    case InputKind::channels:
      values = transposed(floats_of(array), input.size, product(shape, 2, shape.size()));
      break;
    case InputKind::hidden:
      values = hidden_rows(array, input.size);
      break;
    default:
      values = floats_of(array);
  }
  const std::uint64_t count = input.size == 0 ? 0 : values.size() / input.size;
  RowOptions used = options;
  if (input.kind != InputKind::rows) used.keep = {};
  return take_rows(values, input.size, chosen_rows(count, row_limit(input.size), used));
}

std::uint64_t count_tokens(const LayerInput& input, const Array& array, const RowOptions& options,
                           std::span<double> counts) {
  const std::vector<double> tokens = to_doubles(array);
  const bool masked = options.keep.size() == tokens.size() && !tokens.empty();
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (masked && options.keep[i] == 0) continue;
    const double token = tokens[i] < 0 ? tokens[i] + static_cast<double>(input.size) : tokens[i];
    if (token < 0 || token >= static_cast<double>(input.size))
      throw Error(ErrorKind::bad_data, "layer " + base::quoted(input.layer) + " looks up row " +
                                           std::to_string(static_cast<std::int64_t>(tokens[i])) + " of " +
                                           std::to_string(input.size));
    counts[static_cast<std::size_t>(token)] += 1;
    ++seen;
  }
  return seen;
}

}  // namespace tt::runtime
