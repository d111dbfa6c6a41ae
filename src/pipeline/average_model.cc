#include "pipeline/average_model.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "base/error.h"
#include "base/text.h"
#include "runtime/image.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;

constexpr std::uint64_t kEveryTensor = 1;  // elements

// The same files, with every float tensor that has dimensions as a weight.
model::Model with_all_tensors(const model::Model& model) {
  std::vector<model::SourceFile> beside;
  for (std::size_t i = 1; i < model.files().size(); ++i)
    beside.push_back({model.files()[i].location, model.files()[i].file.share()});
  return model::Model::open(model.files()[0].file.share(), std::move(beside), kEveryTensor);
}

struct Part {
  model::Model model;
  model::Skeleton skeleton;
  const AveragePart& given;
};

[[noreturn]] void refuse(const Part& first, const Part& other, const std::string& why) {
  throw Error(ErrorKind::bad_data,
              base::quoted(other.given.name) + " is of another architecture than " +
                  base::quoted(first.given.name) + ": " + why,
              "average models that one program exported from one architecture");
}

std::string kind_of(const model::Model& model) {
  return model.format() == model::FileFormat::onnx ? "an ONNX model" : "a safetensors file";
}

std::string layout_text(const tensor::WeightLayout& layout) {
  return std::string(tensor::dtype_name(layout.dtype)) + " " + tensor::shape_text(layout.shape);
}

void check_weights(const Part& first, const Part& other) {
  std::map<std::string, const model::Weight*> theirs;
  for (const model::Weight& weight : other.model.weights()) theirs.emplace(weight.name, &weight);
  for (const model::Weight& mine : first.model.weights()) {
    const std::string name = "tensor " + base::quoted(mine.name);
    const auto found = theirs.find(mine.name);
    if (found == theirs.end()) refuse(first, other, "it has no " + name);
    const tensor::WeightLayout& layout = found->second->layout;
    if (layout.shape != mine.layout.shape || layout.dtype != mine.layout.dtype)
      refuse(first, other, name + " is " + layout_text(layout) + " instead of " + layout_text(mine.layout));
    theirs.erase(found);
  }
  if (!theirs.empty()) refuse(first, other, "it has tensor " + base::quoted(theirs.begin()->first) + " more");
}

bool same_pieces(const model::SkeletonFile& a, const model::SkeletonFile& b) {
  return a.location == b.location &&
         std::equal(a.pieces.begin(), a.pieces.end(), b.pieces.begin(), b.pieces.end(),
                    [](const model::Piece& x, const model::Piece& y) {
                      return x.literal == y.literal && x.weight == y.weight && x.form == y.form;
                    });
}

void check_architecture(const Part& first, const Part& other) {
  if (first.model.format() != other.model.format())
    refuse(first, other, "it is " + kind_of(other.model) + " instead of " + kind_of(first.model));
  check_weights(first, other);
  const model::Skeleton &mine = first.skeleton, &theirs = other.skeleton;
  if (!std::equal(mine.files.begin(), mine.files.end(), theirs.files.begin(), theirs.files.end(),
                  same_pieces))
    refuse(first, other, "its graph differs, or its tensors lie in another order");
  if (mine.literals != theirs.literals) refuse(first, other, "its graph, names, integers or scalars differ");
}

void check_finite(const Part& part, const tensor::WeightData& data, const std::string& name) {
  if (tensor::range_of(data.layout.dtype, data.payload) != tensor::ValueRange::not_finite) return;
  throw Error(ErrorKind::bad_data,
              "tensor " + base::quoted(name) + " of " + base::quoted(part.given.name) +
                  " holds values that are not finite",
              "leave that model out");
}

std::vector<double> doubles_of(const tensor::WeightData& data) {
  std::vector<double> values(data.layout.elements());
  if (data.layout.dtype == tensor::DType::f64) {
    std::memcpy(values.data(), data.payload.data(), data.payload.size());
    return values;
  }
  const std::vector<float> floats = data.values();
  std::copy(floats.begin(), floats.end(), values.begin());
  return values;
}

base::Bytes payload_of(const tensor::WeightLayout& layout, const std::vector<double>& values) {
  base::Bytes payload(layout.payload_size());
  if (layout.dtype == tensor::DType::f64) {
    std::memcpy(payload.data(), values.data(), payload.size());
    return payload;
  }
  std::vector<float> floats(values.size());
  std::transform(values.begin(), values.end(), floats.begin(),
                 [](double value) { return static_cast<float>(value); });
  tensor::from_float(layout.dtype, floats, payload);
  return payload;
}

// `reference`: the part of the largest share. `equal` is told whether all payloads are the same.
base::Bytes average(const std::vector<Part>& parts, std::size_t reference, std::size_t weight,
                    std::uint8_t& equal) {
  const auto read = [&](const Part& part) {
    const model::Weight& entry = part.model.weights()[weight];
    tensor::WeightData data = part.model.read(entry);
    check_finite(part, data, entry.name);
    return data;
  };
  const tensor::WeightData base = read(parts[reference]);
  const std::vector<double> from = doubles_of(base);
  std::vector<double> sum = from;
  equal = 1;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    if (p == reference) continue;
    const tensor::WeightData data = read(parts[p]);
    if (data.payload == base.payload) continue;
    equal = 0;
    const std::vector<double> values = doubles_of(data);
    const double share = parts[p].given.share;
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += share * values[i] - share * from[i];
  }
  return equal != 0 ? base.payload : payload_of(base.layout, sum);
}

}  // namespace

AverageModel average_of(const std::vector<AveragePart>& given, unsigned threads, base::Progress& progress) {
  std::vector<Part> parts;
  for (const AveragePart& part : given) {
    model::Model all = with_all_tensors(part.model);
    model::Skeleton skeleton = all.inline_skeleton();
    parts.push_back({std::move(all), std::move(skeleton), part});
    if (parts.size() > 1) check_architecture(parts.front(), parts.back());
  }
  const auto largest = std::max_element(given.begin(), given.end(),
                                        [](const auto& a, const auto& b) { return a.share < b.share; });
  const auto reference = static_cast<std::size_t>(largest - given.begin());
  const std::vector<model::Weight>& weights = parts[reference].model.weights();
  std::vector<std::uint64_t> sizes;
  for (const model::Weight& weight : weights) sizes.push_back(weight.layout.payload_size());
  std::vector<std::uint8_t> equal(weights.size());
  progress.start("averaging", weights.size(), 0);
  const auto read = [&](std::size_t index, const runtime::PayloadSink& sink) {
    sink(0, average(parts, reference, index, equal[index]));
    progress.step(sizes[index]);
  };
  AverageModel made{
      runtime::assembled_model(parts[reference].skeleton, sizes, read, "the average", threads), 0, {}};
  progress.done();
  for (std::size_t i = 0; i < weights.size(); ++i)
    if (equal[i] != 0) made.equal.push_back(weights[i].name);
  made.averaged = weights.size() - made.equal.size();
  return made;
}

}  // namespace tt::pipeline
