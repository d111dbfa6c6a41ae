#include "model/weights.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "model/tensor_walk.h"
#include "model/varint16.h"

namespace tt::model {

namespace {

// Why a float tensor of enough elements is no weight, or nothing if it is one.
const char* obstacle(const TensorInfo& info, const std::vector<SourceFile>& files, std::uint64_t elements) {
  if (!info.whole) return info.external != kNone ? nullptr : "payload not in one piece";
  if (info.place.form == PayloadForm::varint16 &&
      !is_canonical_varint16(files[info.place.file].file, info.place.offset, info.place.length, elements)) {
    return "int32_data not in canonical varints";
  }
  return nullptr;
}

class Selector {
 public:
  Selector(Onnx& onnx, const std::vector<SourceFile>& files, std::uint64_t min_elements)
      : onnx_(onnx), files_(files), min_elements_(min_elements) {}

  Selection run() {
    result_.of_tensor.assign(onnx_.tensors.size(), kNone);
    for (std::uint32_t i = 0; i < onnx_.tensors.size(); ++i) add(i);
    for (const auto& [name, count] : others_) {
      onnx_.notes.push_back(std::to_string(count) + " " + name + (count == 1 ? " tensor" : " tensors"));
    }
    return std::move(result_);
  }

 private:
  void add(std::uint32_t index) {
    TensorInfo& info = onnx_.tensors[index];
    if (info.kind == TensorKind::other) return;
    std::optional<tensor::DType> dtype = weight_dtype(info.data_type);
    if (!dtype) {
      ++others_[data_type_name(info.data_type)];
      return;
    }
    std::uint64_t elements = element_count(onnx_, info);
    if (elements < min_elements_ || info.dims.empty()) return;
    if (const char* reason = obstacle(info, files_, elements)) {
      onnx_.notes.push_back(tensor_text(onnx_, info) + ": " + reason);
      return;
    }
    if (info.whole) result_.of_tensor[index] = weight_of(info, *dtype);
  }

  std::uint32_t weight_of(const TensorInfo& info, tensor::DType dtype) {
    std::uint32_t fresh = static_cast<std::uint32_t>(result_.weights.size());
    if (info.external != kNone) {
      auto [at, inserted] = by_range_.try_emplace({info.place.file, info.place.offset}, fresh);
      if (!inserted) return at->second;
    }
    Weight weight;
    weight.name = names_.add(onnx_.prefix(info.graph) + onnx_.names[info.name]);
    weight.layout = {dtype, info.dims, 1, 1};
    weight.place = info.place;
    result_.weights.push_back(std::move(weight));
    return fresh;
  }

  Onnx& onnx_;
  const std::vector<SourceFile>& files_;
  std::uint64_t min_elements_;
  Selection result_;
  UniqueNames names_;
  std::map<std::string, std::size_t> others_;
  std::map<std::pair<std::uint32_t, std::uint64_t>, std::uint32_t> by_range_;
};

}  // namespace

std::string UniqueNames::add(const std::string& name) {
  std::size_t count = ++counts_[name];
  if (count == 1) return name;
  std::string candidate;
  for (;; count = ++counts_[name]) {
    candidate = name + "#" + std::to_string(count);
    if (counts_.emplace(candidate, 1).second) return candidate;
  }
}

Selection select_weights(Onnx& onnx, const std::vector<SourceFile>& files, std::uint64_t min_elements) {
  return Selector(onnx, files, min_elements).run();
}

void set_matrix_view(tensor::WeightLayout& layout, Role role) {
  std::uint64_t elements = tensor::element_count(layout.shape);
  layout.rows = 1;
  layout.cols = elements;
  std::uint64_t longest = *std::max_element(layout.shape.begin(), layout.shape.end());
  if (layout.shape.size() < 2 || (longest == elements && !is_layer_role(role))) return;
  bool kernel = role == Role::conv || role == Role::depthwise;
  layout.cols = kernel ? elements / layout.shape.front() : layout.shape.back();
  layout.rows = elements / layout.cols;
}

}  // namespace tt::model
