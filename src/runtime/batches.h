// Cuts the samples into runs whose outputs have the samples along their first axis.
#pragma once

#include <cstdint>

#include "runtime/samples.h"
#include "runtime/session.h"

namespace tt::runtime {

// How many samples go into one run. Where the first axis of an output is not that of the samples, or the
// model fails on several samples, they run one at a time (a batch that the graph fixes stays together), and
// outputs without such an axis get one. Found by running the first samples of `session`.
class Batches {
 public:
  // Samples [begin, begin + count), about `bytes` of inputs and outputs and at most `most` samples in one run:
  // the default bounds what is between the layers, which nobody has measured. Errors: bad_data if `count` is
  // 0; as Samples::read and Session::run.
  Batches(const Session& session, const Samples& samples, std::uint64_t begin, std::uint64_t count,
          std::uint64_t bytes, std::uint64_t most = 128);

  std::uint64_t begin() const { return begin_; }
  std::uint64_t samples() const { return count_; }
  std::uint64_t count() const { return (count_ + size_ - 1) / size_; }
  std::uint64_t samples_of(std::uint64_t batch) const;
  NamedArrays inputs(std::uint64_t batch) const;
  // The outputs of `session` for inputs(). Errors: as Session::run; unsupported if the first axis is not that
  // of the samples in spite of all.
  NamedArrays run(const Session& session, const NamedArrays& inputs, std::uint64_t batch) const;

  // What the first run gave: `first_samples` samples.
  const NamedArrays& first_inputs() const { return first_inputs_; }
  const NamedArrays& first_outputs() const { return first_outputs_; }
  std::uint64_t first_samples() const { return group_; }

 private:
  bool takes_several(const Session& session) const;

  const Samples& samples_;
  std::uint64_t begin_, count_;
  std::uint64_t group_ = 1;  // samples that only run together
  std::uint64_t size_ = 1;   // samples of a run
  bool single_ = true;       // one group at a time
  NamedArrays first_inputs_, first_outputs_;
};

}  // namespace tt::runtime
