#include "runtime/tapped_session.h"

#include <algorithm>

#include "model/taps.h"

namespace tt::runtime {
namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

ModelImage image_with(const model::Model& model, const model::Skeleton& skeleton,
                      const std::optional<std::pair<std::size_t, base::Bytes>>& replaced) {
  std::vector<std::uint64_t> sizes;
  for (const model::Weight& weight : model.weights()) sizes.push_back(weight.layout.payload_size());
  std::vector<base::Bytes> files =
      assemble(skeleton, sizes, [&](std::size_t index, const PayloadSink& sink) {
        if (replaced && replaced->first == index)
          sink(0, replaced->second);
        else
          sink(0, model.read(model.weights()[index]).payload);
      });
  ModelImage image{std::move(files[0]), {}};
  for (std::size_t i = 1; i < files.size(); ++i)
    image.data.push_back({skeleton.files[i].location, std::move(files[i])});
  return image;
}

TappedSession::TappedSession(const model::Model& model, const std::vector<std::string>& values,
                             const SessionOptions& options)
    : tapped_(model::given_values(model, values)),
      session_(Session::open(image_with(model, model::tapped_skeleton(model, tapped_)), options)) {
  for (const std::string& value : values)
    if (!contains(tapped_, value) && find_value(session_.inputs(), value) != nullptr) fed_.push_back(value);
}

bool TappedSession::gives(const std::string& value) const {
  return contains(tapped_, value) || contains(fed_, value);
}

NamedArrays TappedSession::run(const NamedArrays& inputs) const {
  NamedArrays result;
  for (NamedArray& output : session_.run_once(inputs))
    if (contains(tapped_, output.name)) result.push_back(std::move(output));
  for (const NamedArray& input : inputs)
    if (contains(fed_, input.name)) result.push_back(input);
  return result;
}

}  // namespace tt::runtime
