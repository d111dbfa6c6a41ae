// Edits in a protobuf file that change the length of nested messages.
#pragma once

#include <cstdint>
#include <vector>

#include "base/input_file.h"
#include "model/model.h"
#include "model/wire.h"

namespace tt::model {

// Replaces `range` of the file by `text`, then bytes `copy` of source file `copy_file`, then the payload of a
// weight.
struct Edit {
  Range range;
  base::Bytes text;
  std::uint32_t copy_file = 0;
  Range copy;
  std::uint32_t weight = kNoWeight;
  PayloadForm form = PayloadForm::flat;
  std::uint64_t weight_size = 0;  // bytes that the payload takes in the new file
  std::uint32_t message = kNone;  // innermost message around `range`

  std::uint64_t new_size() const { return text.size() + copy.size() + weight_size; }
};

// A payload that gives way to the payload of weight `weight` in the same form.
Edit payload_edit(const Place& place, std::uint32_t weight);

// Appends a varint (a length or tag) to `out`.
void append_varint(base::Bytes& out, std::uint64_t value);

// Adds an edit for the length of every message around an edit whose size changes, sorts all by position and
// returns the size of the new file. Ranges must not overlap. `messages`: outer ones before inner ones.
std::uint64_t fix_lengths(const std::vector<Message>& messages, std::uint64_t file_size,
                          std::vector<Edit>& edits);

// Literals and pieces of one skeleton, file after file.
class SkeletonBuilder {
 public:
  explicit SkeletonBuilder(const std::vector<SourceFile>& files) : files_(files) {}
  // File `file` with `edits` (ascending, not overlapping).
  void add_file(std::uint32_t file, const std::vector<Edit>& edits);
  // A further file that holds `weights` in order, each at a multiple of `alignment`, zeros between them.
  void add_payload_file(const std::string& location, const std::vector<std::uint32_t>& weights,
                        const std::vector<std::uint64_t>& sizes, std::uint64_t alignment);
  Skeleton take() { return std::move(skeleton_); }

 private:
  void copy(std::uint32_t file, const Range& range);

  const std::vector<SourceFile>& files_;
  Skeleton skeleton_;
  std::uint64_t literal_ = 0;  // literal bytes since the last weight
};

}  // namespace tt::model
