// Which weights an edit is about.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "container/container.h"
#include "model/model.h"
#include "pipeline/edit_directions.h"

namespace tt::pipeline {

struct EditTarget {
  std::size_t stored = 0, model = 0;  // index in the container and in the decoded model
  SeenWeight seen;
};

// The weights of a container that are also ones of the model decoded from it, in the order of that model.
class EditTargets {
 public:
  // Both outlive it.
  EditTargets(const container::Container& container, const model::Model& model);

  // The one matrix or kernel that the pattern matches. Errors: usage if it is none, or several.
  const EditTarget& layer(const std::string& pattern) const;
  // Those that one of the patterns matches; `length` of the direction, 0: any. Errors: usage if a pattern
  // matches none; bad_data if the side is of another length.
  std::vector<EditTarget> named(const std::vector<std::string>& patterns, Side side,
                                std::uint64_t length) const;
  // Every matrix and kernel of a layer whose side is as long. Errors: bad_data if there is none.
  std::vector<EditTarget> of_length(Side side, std::uint64_t length) const;

 private:
  const model::Weight& weight(const EditTarget& target) const { return model_.weights()[target.model]; }
  void check_side(const EditTarget& target, Side side, std::uint64_t length) const;

  const container::Container& container_;
  const model::Model& model_;
  std::vector<EditTarget> all_;
};

}  // namespace tt::pipeline
