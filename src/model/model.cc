#include "model/model.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include "base/error.h"
#include "base/text.h"
#include "model/external_data.h"
#include "model/model_state.h"
#include "model/onnx_walk.h"
#include "model/producer.h"
#include "model/roles.h"
#include "model/safetensors_walk.h"
#include "model/skeleton.h"
#include "model/skeleton_writer.h"
#include "model/weights.h"

namespace tt::model {

using base::Error;
using base::ErrorKind;

namespace {

using namespace std::string_view_literals;

struct Magic {
  std::string_view start;
  const char* kind;
};
constexpr Magic kOtherFormats[] = {
    {"PK\x03\x04"sv, "a zip archive (PyTorch, Keras)"},
    {"\x80\x02"sv, "a Python pickle (PyTorch)"},
    {"\x80\x03"sv, "a Python pickle"},
    {"\x80\x04"sv, "a Python pickle"},
    {"\x80\x05"sv, "a Python pickle"},
    {"\x89HDF\r\n"sv, "an HDF5 file (Keras)"},
    {"GGUF"sv, "a GGUF file"},
};

void refuse_other_formats(const base::InputFile& file) {
  if (file.size() == 0) {
    throw Error(ErrorKind::bad_data, "not an ONNX or safetensors model: " + file.name() + " is empty");
  }
  base::Bytes start = file.read_bytes(0, std::min<std::uint64_t>(8, file.size()));
  for (const Magic& magic : kOtherFormats) {
    if (!base::text_of(start).starts_with(magic.start)) continue;
    throw Error(ErrorKind::bad_data, "not an ONNX or safetensors model: " + file.name() + " is " + magic.kind,
                "convert to ONNX or safetensors first; pickles are unsafe to read");
  }
}

}  // namespace

Model::Model(std::unique_ptr<State> state) : state_(std::move(state)) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

Model Model::open(const std::string& path, const OpenOptions& options) {
  std::string folder = std::filesystem::path(path).parent_path().string();
  return open(base::InputFile::open(path), folder.empty() ? "." : folder, options);
}

Model Model::open(base::InputFile file, const std::string& folder, const OpenOptions& options) {
  return walk(std::move(file), kMinWeightElements,
              [&](State& state) { resolve_external_data(state.onnx, folder, options, state.files); });
}

Model Model::open(base::InputFile file, std::vector<SourceFile> beside, std::uint64_t min_elements) {
  return walk(std::move(file), min_elements,
              [&](State& state) { resolve_external_data(state.onnx, std::move(beside), state.files); });
}

Model Model::walk(base::InputFile file, std::uint64_t min_elements,
                  const std::function<void(State&)>& resolve) {
  refuse_other_formats(file);
  auto state = std::make_unique<State>();
  state->files.push_back({"", std::move(file)});
  const base::InputFile& main = state->files[0].file;
  if (looks_like_safetensors(main)) {
    state->format = FileFormat::safetensors;
    state->weights = walk_safetensors(main, state->onnx.notes, min_elements);
    assign_roles_by_name(state->weights);
  } else {
    state->onnx = walk_onnx(main);
    resolve(*state);
    Selection selection = select_weights(state->onnx, state->files, min_elements);
    state->weights = std::move(selection.weights);
    state->of_tensor = std::move(selection.of_tensor);
    assign_roles(state->onnx, state->of_tensor, state->weights);
  }
  for (Weight& weight : state->weights) set_matrix_view(weight.layout, weight.role);
  return Model(std::move(state));
}

FileFormat Model::format() const {
  return state_->format;
}
const std::vector<Weight>& Model::weights() const {
  return state_->weights;
}
const std::vector<SourceFile>& Model::files() const {
  return state_->files;
}
std::vector<std::string> Model::notes() const {
  return state_->onnx.notes;
}

std::uint64_t Model::bytes() const {
  std::uint64_t sum = 0;
  for (const SourceFile& source : state_->files) sum += source.file.size();
  return sum;
}

bool Model::plain_locations() const {
  return std::all_of(state_->onnx.tensors.begin(), state_->onnx.tensors.end(), [&](const TensorInfo& info) {
    return info.external == kNone ||
           state_->onnx.externals[info.external].location == state_->files[info.place.file].location;
  });
}

std::optional<Producer> Model::producer(const std::string& output) const {
  return producer_of(state_->onnx, output);
}

tensor::WeightData Model::read(const Weight& weight) const {
  base::Bytes payload =
      state_->files[weight.place.file].file.read_bytes(weight.place.offset, weight.place.length);
  if (weight.place.form == PayloadForm::varint16) payload = from_varint16(payload, weight.layout.elements());
  return {weight.layout, std::move(payload)};
}

Skeleton Model::exact_skeleton() const {
  return cut_exact(state_->files, state_->weights);
}

Skeleton Model::inline_skeleton() const {
  if (state_->format == FileFormat::safetensors || !needs_inlining(state_->files, state_->weights)) {
    return exact_skeleton();
  }
  return cut_inline(state_->onnx, state_->files, state_->weights, state_->of_tensor);
}

Skeleton Model::external_skeleton(const std::string& location) const {
  const bool plain = !location.empty() && location.front() != '.' && location.find('/') == std::string::npos;
  if (state_->format == FileFormat::safetensors || state_->files.size() > 1 || !plain) {
    throw Error(ErrorKind::usage,
                "external data in " + base::quoted(location) + " is not possible for this model",
                "it needs an ONNX model with inline weights and a plain file name");
  }
  return cut_external(state_->onnx, state_->files, state_->of_tensor, location);
}

}  // namespace tt::model
