#include "runtime/sample_blocks.h"

#include <algorithm>
#include <map>

#include "base/cancel.h"
#include "base/error.h"
#include "runtime/calibration.h"
#include "runtime/feed.h"

namespace tt::runtime {
namespace {

constexpr std::uint64_t kHeldOutBytes = 256 << 20, kReadBytes = 16 << 20;

std::uint64_t sample_bytes(const NamedArray& input, std::uint64_t samples) {
  return input.array.shape.empty() ? input.array.data.size() : input.array.data.size() / samples;
}

base::ByteView sample_of(const NamedArray& input, std::uint64_t samples, std::uint64_t index) {
  const std::uint64_t bytes = sample_bytes(input, samples);
  const std::uint64_t begin = input.array.shape.empty() ? 0 : index * bytes;
  return base::ByteView(input.array.data).subspan(begin, bytes);
}

// Calls f(number, digest) for every sample of [first, first + count).
template <typename F>
void each_digest(const Samples& samples, std::uint64_t first, std::uint64_t count, F&& f) {
  const std::uint64_t step = samples.batch_for(kReadBytes);
  for (std::uint64_t done = 0; done < count; done += step) {
    base::check_cancelled();
    const std::uint64_t part = std::min(step, count - done);
    const NamedArrays arrays = samples.read(first + done, part);
    for (std::uint64_t i = 0; i < part; ++i) {
      base::Sha256Hasher hasher;
      for (const NamedArray& input : arrays) hasher.update(sample_of(input, part, i));
      f(first + done + i, hasher.finish());
    }
  }
}

}  // namespace

std::uint64_t fixed_batch(const std::vector<ValueInfo>& inputs, const NamedArrays& sample) {
  for (const ValueInfo& info : inputs) {
    const Array* array = find_array(sample, info.name);
    if (array == nullptr || info.dims.empty() || info.dims[0].size < 1) continue;
    if (form_of(info, array->shape) == SampleForm::batched) return static_cast<std::uint64_t>(info.dims[0].size);
  }
  return 1;
}

std::vector<SampleBlock> sample_blocks(std::uint64_t samples, std::uint64_t batch, bool hold_out) {
  if (samples % batch != 0)
    throw base::Error(base::ErrorKind::bad_data,
                      std::to_string(samples) + " samples are no multiple of the graph's batch of " +
                          std::to_string(batch),
                      "leave some out: --max-samples " + std::to_string(samples / batch * batch));
  const std::uint64_t size = std::max(batch, kCalibrationBlock / batch * batch);
  std::vector<SampleBlock> blocks;
  for (std::uint64_t first = 0; first < samples; first += size) {
    const std::uint64_t count = std::min(size, samples - first);
    const std::uint64_t held = hold_out ? count / 4 / batch * batch : 0;
    blocks.push_back({first, count, count - held});
  }
  return blocks;
}

SampleScan scan_samples(const Samples& samples, const std::vector<SampleBlock>& blocks,
                        base::Progress& progress) {
  SampleScan scan;
  std::map<base::Sha256, std::uint64_t> held;
  const std::uint64_t room = std::clamp<std::uint64_t>(samples.batch_for(kHeldOutBytes), 1, kMaxHeldOut);
  progress.start("reading", blocks.size(), 0);
  for (const SampleBlock& block : blocks) {
    base::Sha256Hasher hasher;
    each_digest(samples, block.first, block.used,
                [&](std::uint64_t, const base::Sha256& digest) { hasher.update(digest); });
    scan.blocks.push_back(hasher.finish());
    each_digest(samples, block.first + block.used, block.count - block.used,
                [&](std::uint64_t number, const base::Sha256& digest) {
                  held.emplace(digest, number);
                  if (held.size() > room) held.erase(std::prev(held.end()));
                });
    progress.step(0);
  }
  progress.done();
  for (const auto& [digest, number] : held) {
    scan.held_out.push_back(digest);
    scan.held_out_rows.push_back(number);
  }
  return scan;
}

NamedArrays gather_samples(const Samples& samples, const std::vector<std::uint64_t>& rows) {
  NamedArrays result;
  std::vector<std::size_t> order(rows.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return rows[a] < rows[b]; });
  for (const std::size_t position : order) {
    const NamedArrays sample = samples.read(rows[position], 1);
    for (std::size_t i = 0; i < sample.size(); ++i) {
      const Array& one = sample[i].array;
      if (result.size() == i) {
        result.push_back({sample[i].name, {one.type, one.shape, one.data}});
        if (one.shape.empty()) continue;
        result[i].array.shape[0] = rows.size();
        result[i].array.data.resize(rows.size() * one.data.size());
      }
      if (!one.shape.empty())
        std::copy(one.data.begin(), one.data.end(),
                  result[i].array.data.begin() + static_cast<std::ptrdiff_t>(position * one.data.size()));
    }
  }
  return result;
}

}  // namespace tt::runtime
