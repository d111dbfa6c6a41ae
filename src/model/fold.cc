#include "model/fold.h"

#include "model/fold_batchnorm.h"
#include "model/fold_constants.h"
#include "model/fold_writer.h"

namespace tt::model {

namespace {

Model open_folded(const Model& model, base::Bytes bytes) {
  std::vector<SourceFile> beside;
  const std::vector<SourceFile>& files = model.files();
  for (std::size_t i = 1; i < files.size(); ++i) beside.push_back({files[i].location, files[i].file.share()});
  return Model::open(base::InputFile::from_bytes(std::move(bytes), files[0].file.name()), std::move(beside));
}

void describe(const FoldGraph& graph, const Model& folded, FoldReport& report) {
  std::map<std::string_view, const FoldConstant*> changed;
  for (const FoldConstant& constant : graph.constants())
    if (constant.payload) changed.emplace(graph.onnx().names[constant.written], &constant);
  for (const Weight& weight : folded.weights()) {
    const auto found = changed.find(weight.name);
    if (found == changed.end()) continue;
    report.weights.push_back(found->second->made);
    report.weights.back().weight = weight.name;
  }
}

}  // namespace

std::optional<Model> folded(const Model& model, FoldReport& report, const FoldOptions& options) {
  report = {};
  // A data file that goes by two names could not be found again.
  if (model.format() != FileFormat::onnx || !model.plain_locations()) return std::nullopt;
  FoldGraph graph(model, options);
  if (!graph.is_foldable()) return std::nullopt;
  FoldReport result;
  result.constant_nodes = fold_constants(graph);
  fold_batch_normalizations(graph, result);
  report.left = result.left;
  if (result.constant_nodes + result.batch_normalizations == 0) return std::nullopt;
  graph.restore_names();
  FoldWriter writer(graph);
  std::optional<base::Bytes> bytes = writer.write();
  if (!bytes) return std::nullopt;
  Model made = open_folded(model, std::move(*bytes));
  result.dropped_inputs = writer.dropped_inputs();
  describe(graph, made, result);
  report = std::move(result);
  return made;
}

}  // namespace tt::model
