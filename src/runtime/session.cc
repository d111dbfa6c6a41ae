#include "runtime/session.h"

#include "runtime/engine.h"
#include "runtime/feed.h"

namespace tt::runtime {

Session::Session(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Session Session::open(const model::Model& model, const SessionOptions& options) {
  const auto start = [&model, threads = options.threads] {
    return start_onnxruntime(image_of(model), threads);
  };
  return Session(options.isolate ? start_isolated(start, *options.isolate) : start());
}

Session Session::open(ModelImage image, const SessionOptions& options) {
  if (!options.isolate) return Session(start_onnxruntime(std::move(image), options.threads));
  const auto shared = std::make_shared<ModelImage>(std::move(image));
  return Session(start_isolated(
      [shared, threads = options.threads] { return start_onnxruntime(std::move(*shared), threads); },
      *options.isolate));
}

const std::vector<ValueInfo>& Session::inputs() const {
  return engine_->signature().inputs;
}
const std::vector<ValueInfo>& Session::outputs() const {
  return engine_->signature().outputs;
}

NamedArrays Session::run(const NamedArrays& samples) const {
  return run_samples(*engine_, samples);
}

NamedArrays Session::run_once(const NamedArrays& inputs) const {
  check_exact(engine_->signature().inputs, inputs);
  return engine_->run(inputs);
}

}  // namespace tt::runtime
