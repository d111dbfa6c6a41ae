// Something that runs one model: ONNX Runtime in this process, or behind a child process.
#pragma once

#include <functional>
#include <memory>

#include "base/child.h"
#include "runtime/image.h"
#include "runtime/signature.h"

namespace tt::runtime {

class Engine {
 public:
  Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  virtual ~Engine() = default;
  virtual const Signature& signature() const = 0;
  // One run with exactly these arrays, one for each input; outputs in the signature's order. Thread-safe.
  // Errors: bad_data (the model fails on them), unsupported (an output that is no array of numbers),
  // resource_limit (memory).
  virtual NamedArrays run(const NamedArrays& inputs) = 0;
};

// Errors: unsupported (no ONNX Runtime, operators that it lacks, inputs that are no arrays of numbers),
// bad_data (a model that it refuses), resource_limit.
std::unique_ptr<Engine> start_onnxruntime(ModelImage image, unsigned threads);

// `make` runs in the child: this process never loads the runtime. Errors: those, and those of base::Child.
std::unique_ptr<Engine> start_isolated(std::function<std::unique_ptr<Engine>()> make,
                                       const base::ChildLimits& limits);

}  // namespace tt::runtime
