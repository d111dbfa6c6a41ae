#include "model/fold_places.h"

#include <onnx/onnx_pb.h>

#include <algorithm>

namespace tt::model {

namespace {

using onnx::GraphProto;
using onnx::ModelProto;

class Finder {
 public:
  Finder(const base::InputFile& file, const Onnx& names) : in_(file), onnx_(names) {}

  FoldPlaces run() {
    in_.fields([&](const Field& field) {
      switch (field.tag) {
        case varint_tag(ModelProto::kIrVersionFieldNumber):
          places_.ir_version = field.value;
          return;
        case bytes_tag(ModelProto::kOpsetImportFieldNumber):
          return opset(field);
        case bytes_tag(ModelProto::kTrainingInfoFieldNumber):
          places_.annotated = true;
          return;
        case bytes_tag(ModelProto::kGraphFieldNumber):
          return in_.message(field, "graph", kNone, [&](const Field& f) { in_graph(f); });
        default:
          return;
      }
    });
    return std::move(places_);
  }

 private:
  void opset(const Field& field) {
    std::string domain;
    std::uint64_t version = 0;
    in_.message(field, "opset_import", kNone, [&](const Field& f) {
      if (f.tag == bytes_tag(onnx::OperatorSetIdProto::kDomainFieldNumber)) domain = in_.text(f);
      if (f.tag == varint_tag(onnx::OperatorSetIdProto::kVersionFieldNumber)) version = f.value;
    });
    places_.domains.insert(domain);
    if (domain.empty() || domain == "ai.onnx") places_.opset = std::max(places_.opset, version);
  }

  void in_graph(const Field& field) {
    const FieldPlace place{field.whole, field.payload.begin, 0, std::nullopt};
    switch (field.tag) {
      case bytes_tag(GraphProto::kNodeFieldNumber):
        return places_.nodes.push_back(place);
      case bytes_tag(GraphProto::kInitializerFieldNumber):
        return places_.initializers.push_back(place);
      case bytes_tag(GraphProto::kInputFieldNumber):
        return places_.inputs.push_back(named(field, place));
      case bytes_tag(GraphProto::kValueInfoFieldNumber):
        return places_.values.push_back(named(field, place));
      case bytes_tag(GraphProto::kQuantizationAnnotationFieldNumber):
        places_.annotated = true;
        return;
      default:
        return;
    }
  }

  FieldPlace named(const Field& field, FieldPlace place) {
    in_.message(field, "value", kNone, [&](const Field& f) {
      if (f.tag == bytes_tag(onnx::ValueInfoProto::kNameFieldNumber))
        place.name = onnx_.names.find(in_.text(f));
      if (f.tag == bytes_tag(onnx::ValueInfoProto::kTypeFieldNumber)) place.rank = rank_of(f);
    });
    return place;
  }

  std::optional<std::uint32_t> rank_of(const Field& type) {
    std::optional<std::uint32_t> rank;
    in_.message(type, "type", kNone, [&](const Field& f) {
      if (f.tag != bytes_tag(onnx::TypeProto::kTensorTypeFieldNumber)) return;
      in_.message(f, "tensor_type", kNone, [&](const Field& tensor) {
        if (tensor.tag != bytes_tag(onnx::TypeProto_Tensor::kShapeFieldNumber)) return;
        rank = 0;
        in_.message(tensor, "shape", kNone, [&](const Field& dim) {
          if (dim.tag == bytes_tag(onnx::TensorShapeProto::kDimFieldNumber)) ++*rank;
        });
      });
    });
    return rank;
  }

  WireReader in_;
  const Onnx& onnx_;
  FoldPlaces places_;
};

}  // namespace

FoldPlaces fold_places(const base::InputFile& file, const Onnx& onnx) {
  return Finder(file, onnx).run();
}

}  // namespace tt::model
