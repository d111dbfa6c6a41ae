// The user's samples as inputs of one model: names, types, shapes and values checked, mapped, read batch by
// batch.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/array_source.h"
#include "runtime/input_mapping.h"
#include "runtime/signature.h"

namespace tt::runtime {

class Samples {
 public:
  // `path`: any form of runtime/array_source.h; `inputs`: those of the session. A file with one array without
  // a name is for a model with one input; arrays of a test data set without names are taken in the order of
  // the inputs. Errors: not_found; usage (a mapping for an input that the model lacks, or of values for an
  // input that is no float); bad_data: unreadable, no samples, an array that is no input, an input without an
  // array, another type or shape, different numbers of samples, integers for a float input without a mapping;
  // resource_limit.
  static Samples open(const std::string& path, const std::vector<ValueInfo>& inputs,
                      const InputMappings& mappings = {});
  static Samples of(ArraySources sources, const std::vector<ValueInfo>& inputs,
                    const InputMappings& mappings = {});

  Samples(Samples&&) noexcept;
  Samples& operator=(Samples&&) noexcept;
  ~Samples();

  std::uint64_t size() const;
  // Errors: bad_data if there are fewer than `wanted`, which `why` needs ("calibration").
  void require(std::uint64_t wanted, const std::string& why) const;
  // How many samples fit into `bytes` as inputs of the model, at least 1, at most size().
  std::uint64_t batch_for(std::uint64_t bytes) const;

  // Samples [begin, begin + count) with the model's types, ready for Session::run. Reading forward is
  // cheapest. Errors: bad_data: outside, NaN, a value outside the range of the input's type, broken data.
  NamedArrays read(std::uint64_t begin, std::uint64_t count) const;

 private:
  struct Column;
  Samples();
  std::vector<Column> columns_;
  std::uint64_t size_ = 0;
};

}  // namespace tt::runtime
