#include "runtime/drift.h"

#include <algorithm>

#include "base/cancel.h"
#include "base/parallel.h"
#include "runtime/class_labels.h"
#include "runtime/feed.h"
#include "runtime/input_rows.h"

namespace tt::runtime {
namespace {

constexpr std::uint64_t kRunSamples = 16;  // where the graph leaves the batch free
constexpr std::uint64_t kRowSeed = 0;

struct Part {
  std::uint64_t first = 0, count = 0;
};

// Runs in order; their number does not depend on the threads.
std::vector<Part> parts_of(const std::vector<SampleBlock>& blocks, std::uint64_t batch) {
  const std::uint64_t step = std::max(batch, kRunSamples / batch * batch);
  std::vector<Part> parts;
  for (const SampleBlock& block : blocks)
    for (std::uint64_t first = block.first; first < block.first + block.used; first += step)
      parts.push_back({first, std::min(step, block.first + block.used - first)});
  return parts;
}

struct RowPair {
  std::vector<float> original, changed;
};

RowPair rows_of_part(const LayerInput& input, const TappedSession& original, const TappedSession& changed,
                     const NamedArrays& samples, const Part& part, const std::string& mask) {
  RowPair rows;
  std::uint64_t first = part.first;
  const std::vector<NamedArrays> runs = split_runs(original.inputs(), samples);
  for (const NamedArrays& run : runs) {
    const std::vector<std::uint8_t> keep =
        mask.empty() ? std::vector<std::uint8_t>{} : nonzero(*find_array(run, mask));
    const RowOptions options{part.count / runs.size(), first, kRowSeed, keep};
    first += options.samples;
    for (auto [session, to] : {std::pair(&original, &rows.original), std::pair(&changed, &rows.changed)}) {
      const std::vector<float> more = rows_of(input, *find_array(session->run(run), input.value), options);
      to->insert(to->end(), more.begin(), more.end());
    }
  }
  return rows;
}

}  // namespace

tensor::InputDrift drift_of(const LayerInput& input, const TappedSession& original,
                            const TappedSession& changed, const Samples& samples,
                            const std::vector<SampleBlock>& blocks, const DriftOptions& options) {
  tensor::InputDrift drift(input.size);
  const std::vector<Part> parts = parts_of(blocks, fixed_batch(original.inputs(), samples.read(0, 1)));
  const std::size_t at_once = std::max(1u, options.threads);
  for (std::size_t begin = 0; begin < parts.size(); begin += at_once) {
    base::check_cancelled();
    std::vector<NamedArrays> arrays;
    for (std::size_t i = begin; i < std::min(parts.size(), begin + at_once); ++i)
      arrays.push_back(samples.read(parts[i].first, parts[i].count));
    std::vector<RowPair> rows(arrays.size());
    base::parallel_for(rows.size(), options.threads, [&](std::size_t i) {
      rows[i] = rows_of_part(input, original, changed, arrays[i], parts[begin + i], options.mask_input);
    });
    for (const RowPair& pair : rows) drift.add(pair.original, pair.changed);
  }
  return drift;
}

}  // namespace tt::runtime
