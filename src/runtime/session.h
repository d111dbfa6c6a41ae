// Runs one model on arrays.
//
// Samples lie along the first axis of every input's array, in one of three forms that its shape tells:
//   the input's rank, e.g. [N, 784] for Nx784: the first axis is the model's own batch;
//   one more, e.g. [S, 2, 1, 128] for 2x1x128: every sample is a whole input (states, unbatched inputs);
//   a scalar for a scalar input: the same for all samples.
// A batch that the graph fixes (1x3x224x224) is fed group by group, samples of the second form one by one.
// Outputs of several runs are joined along their first axis if it is that of the group, else stacked along a
// new one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/child.h"
#include "model/model.h"
#include "runtime/array.h"
#include "runtime/image.h"
#include "runtime/signature.h"

namespace tt::runtime {

class Engine;

struct SessionOptions {
  unsigned threads = 1;  // of the runtime
  std::optional<base::ChildLimits> isolate =
      {};  // run in a child process with these limits; base/child.h says when it may start
};

class Session {
 public:
  // The model reaches the runtime only as rebuilt in memory (runtime/image.h). Errors: unsupported (no ONNX
  // Runtime, a safetensors file, operators or types that it lacks), bad_data (a model that it refuses),
  // resource_limit.
  static Session open(const model::Model& model, const SessionOptions& options = {});

  // The same for a model that is in memory already.
  static Session open(ModelImage image, const SessionOptions& options = {});

  explicit Session(std::unique_ptr<Engine> engine);
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  const std::vector<ValueInfo>& inputs()
      const;  // initializers that are repeated in the inputs are not among them
  const std::vector<ValueInfo>& outputs() const;

  // All samples, outputs in the order of outputs(). Thread-safe. Errors: bad_data: a missing or unknown
  // input, another type or shape than the model's, different numbers of samples, none, no multiple of a fixed
  // batch, a run that fails; unsupported: an output whose shape changes from run to run.
  NamedArrays run(const NamedArrays& samples) const;
  // One run of the graph with exactly these arrays. Errors: as above.
  NamedArrays run_once(const NamedArrays& inputs) const;

 private:
  std::unique_ptr<Engine> engine_;
};

}  // namespace tt::runtime
