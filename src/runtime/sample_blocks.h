// How the samples of a calibration are cut: blocks that are summed, and samples that are held out.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/progress.h"
#include "base/sha256.h"
#include "runtime/samples.h"

namespace tt::runtime {

// Samples [first, first + used) are summed, [first + used, first + count) are held out.
struct SampleBlock {
  std::uint64_t first = 0, count = 0, used = 0;
};

// Samples in one run of the graph where it fixes them, else 1. Errors: bad_data as form_of.
std::uint64_t fixed_batch(const std::vector<ValueInfo>& inputs, const NamedArrays& sample);

// Blocks of kCalibrationBlock samples (less where that is no multiple of the batch), of each the last quarter
// held out, in whole batches; nothing is held out unless `hold_out`. A part that begins at a block's border is
// cut as it is in the whole. Errors: bad_data: `samples` is no multiple of the batch.
std::vector<SampleBlock> sample_blocks(std::uint64_t samples, std::uint64_t batch, bool hold_out);

struct SampleScan {
  std::vector<base::Sha256> blocks;          // of what each block sums, in order
  std::vector<base::Sha256> held_out;        // of the samples that are kept, ascending
  std::vector<std::uint64_t> held_out_rows;  // their numbers
};
// Reads all samples once. Of the held-out ones the kMaxHeldOut with the lowest digests are kept, fewer where
// they take more than 256 MiB. Errors: as Samples::read.
SampleScan scan_samples(const Samples& samples, const std::vector<SampleBlock>& blocks,
                        base::Progress& progress);

// Rows `rows` of the samples along the first axis, in this order; scalars as they are.
NamedArrays gather_samples(const Samples& samples, const std::vector<std::uint64_t>& rows);

}  // namespace tt::runtime
