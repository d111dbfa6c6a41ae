// A model that also gives its layers' inputs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/model.h"
#include "runtime/session.h"

namespace tt::runtime {

class TappedSession {
 public:
  // `values`: names of values of the main graph; those that nodes give become outputs, inputs of the graph are
  // at hand, others (constants) are left out. Errors: as model::tapped_skeleton and Session::open.
  TappedSession(const model::Model& model, const std::vector<std::string>& values,
                const SessionOptions& options);

  const std::vector<ValueInfo>& inputs() const { return session_.inputs(); }
  bool gives(const std::string& value) const;
  // One run; the arrays of all values that are given, without the model's own outputs. Thread-safe. Errors: as
  // Session::run_once.
  NamedArrays run(const NamedArrays& inputs) const;

 private:
  std::vector<std::string> tapped_, fed_;
  Session session_;
};

// The files of `skeleton`, as the runtime takes them; the payload of weight `index` is `payload` where it
// is not null.
ModelImage image_with(const model::Model& model, const model::Skeleton& skeleton,
                      const std::optional<std::pair<std::size_t, base::Bytes>>& replaced = {});

}  // namespace tt::runtime
