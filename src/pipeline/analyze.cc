#include "pipeline/analyze.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/text.h"
#include "pipeline/calibrate.h"
#include "pipeline/fold_model.h"
#include "pipeline/generated_calibration.h"
#include "pipeline/open_model.h"
#include "pipeline/selection.h"
#include "tensor/blas.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;

// As fine as compress prices a model that becomes 1/16 of its size.
constexpr std::uint64_t kShare = 16, kPieces = 1024;

void check_errors(const std::vector<double>& errors) {
  if (errors.empty()) throw Error(ErrorKind::usage, "no error to price", "give for example 0.3,0.1,0.03");
  for (const double error : errors)
    if (!(error > 0 && error < 1))
      throw Error(ErrorKind::usage,
                  "an error to price is " + std::to_string(error) + ", but must be above 0 and below 1",
                  "give for example 0.3,0.1,0.03");
}

CompressOptions as_compress(const AnalyzeOptions& options) {
  CompressOptions same;
  same.include = options.include;
  same.exclude = options.exclude;
  same.fold = options.fold;
  return same;
}

// Which weights were chosen.
std::vector<std::size_t> chosen_weights(const model::Model& model, const Selection& selection,
                                        const AnalyzeOptions& options) {
  if (model.weights().empty())
    throw Error(ErrorKind::bad_data, base::quoted(options.model) + " has no weights to analyse",
                "give a model with float tensors of at least " + std::to_string(model::kMinWeightElements) +
                    " elements");
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < model.weights().size(); ++i)
    if (selection.reasons[i].empty()) chosen.push_back(i);
  if (chosen.empty())
    throw Error(ErrorKind::bad_data,
                "none of the " + std::to_string(model.weights().size()) + " weights of " +
                    base::quoted(options.model) + " is chosen by the patterns",
                "see their names with tt inspect, and --include and --exclude");
  return chosen;
}

AxisLabels labels_for(const model::Model& model, const std::vector<std::size_t>& chosen,
                      const std::string& path) {
  if (path.empty()) return {};
  AxisLabels labels = AxisLabels::read(path);
  for (const std::size_t w : chosen) {
    const tensor::WeightLayout& layout = model.weights()[w].layout;
    if (layout.rows == labels.size() || layout.cols == labels.size()) return labels;
    if (std::find(layout.shape.begin(), layout.shape.end(), labels.size()) != layout.shape.end())
      return labels;
  }
  throw Error(ErrorKind::bad_data,
              "names " + base::quoted(path) + " have " + std::to_string(labels.size()) +
                  " lines, and no weight has an axis of that length",
              "give one line for every output, or every input, of some layer");
}

std::shared_ptr<const runtime::Calibration> calibration_of(const model::Model& model,
                                                           const AnalyzeOptions& options,
                                                           base::Progress& progress, AnalyzeReport& report) {
  if (!options.samples.calib.empty()) {
    report.calibrated = true;
    return calibrate_for(model, options.samples, options.seed, options.threads, progress);
  }
  if (!options.generate || model.format() != model::FileFormat::onnx) return nullptr;
  const GeneratedCalibration generated = calibrate_on_generated(
      model, {base::worker_count(options.threads), options.seed, options.max_memory}, progress);
  report.generated_samples = generated.samples;
  report.why_not_generated = generated.why_not;
  return generated.known;
}

std::vector<AnalysedWeight> analyse_all(const AnalysisContext& context,
                                        const std::vector<std::size_t>& chosen, unsigned threads,
                                        base::Progress& progress) {
  std::vector<AnalysedWeight> analysed(chosen.size());
  progress.start("analysing", chosen.size(), 0);
  base::parallel_for(chosen.size(), threads, [&](std::size_t i) {
    analysed[i] = analyse_weight(context, chosen[i]);
    progress.step(analysed[i].analysis.bytes);
  });
  progress.done();
  return analysed;
}

// Weights of layers that are not exact anyway; tables that only are added, biases and norms are no layers'.
SafetyOrder order_of(const model::Model& model, const std::vector<std::size_t>& chosen,
                     const std::vector<AnalysedWeight>& analysed) {
  std::vector<SafetyInput> inputs;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const WeightAnalysis& weight = analysed[i].analysis;
    if (!model::is_layer_role(model.weights()[chosen[i]].role) || !weight.note.empty()) continue;
    inputs.push_back({i, weight.elements, weight.bytes, &analysed[i].curve, weight.sensitivity});
  }
  return safety_order(inputs);
}

// Weights of one shape, seen by their layers the same way round.
using Alike = std::map<std::pair<tensor::Shape, std::uint64_t>, std::vector<Sketch>>;

// The first of every shape that more than one weight has.
std::vector<bool> weights_to_compare(const model::Model& model, const std::vector<std::size_t>& chosen,
                                     std::vector<std::string>& warnings) {
  std::map<tensor::Shape, std::vector<std::size_t>> shapes;
  for (const std::size_t w : chosen) shapes[model.weights()[w].layout.shape].push_back(w);
  std::vector<bool> compared(model.weights().size());
  for (const auto& [shape, weights] : shapes) {
    if (weights.size() < 2) continue;
    for (std::size_t i = 0; i < std::min(weights.size(), kMaxAlike); ++i) compared[weights[i]] = true;
    if (weights.size() > kMaxAlike)
      warnings.push_back(std::to_string(weights.size()) + " weights are " + tensor::shape_text(shape) +
                         ": only the first " + std::to_string(kMaxAlike) + " are compared with each other");
  }
  return compared;
}

std::vector<SimilarPair> similar_pairs(std::vector<AnalysedWeight>& analysed) {
  Alike groups;
  for (std::size_t i = 0; i < analysed.size(); ++i) {
    std::optional<Sketch>& sketch = analysed[i].sketch;
    if (!sketch) continue;
    sketch->weight = i;
    groups[{analysed[i].analysis.shape, analysed[i].analysis.outputs}].push_back(std::move(*sketch));
    sketch.reset();
  }
  std::vector<SimilarPair> pairs;
  for (const auto& [shape, group] : groups)
    for (const SimilarPair& pair : compare_all(group)) pairs.push_back(pair);
  sort_by_likeness(pairs);
  return pairs;
}

std::vector<plan::PriceOptions> price_options(const Selection& selection, const model::Model& model) {
  std::vector<plan::PriceOptions> options = selection.options;
  for (plan::PriceOptions& one : options) {
    one.pitch = model.bytes() / kShare / kPieces;
    one.grid = terms_of(Effort::normal).grid;
  }
  return options;
}

void collect_warnings(const Selection& selection, const runtime::Calibration* known, AnalyzeReport& report) {
  report.warnings = selection.warnings;
  if (known == nullptr) return;
  report.measure = known->measure();
  if (!report.calibrated) return;
  for (std::string& warning : calibration_warnings(known->info()))
    report.warnings.push_back(std::move(warning));
}

void describe_file(const OpenedModel& opened, const AnalyzeOptions& options, AnalyzeReport& report) {
  report.path = options.model;
  report.kind = opened.kind;
  report.bytes = opened.file_bytes;
  report.sha256 = base::hex(base::sha256_file(opened.model.files()[0].file));
}

// `model` is the original or says the same (folded).
void analyse_model(const model::Model& original, const model::Model& model, const AnalyzeOptions& options,
                   base::Progress& progress, AnalyzeReport& report) {
  const Selection selection = select_weights(model, as_compress(options), false);
  const std::vector<std::size_t> chosen = chosen_weights(model, selection, options);
  report.left_out = model.weights().size() - chosen.size();
  const AxisLabels labels = labels_for(model, chosen, options.labels);
  const std::shared_ptr<const runtime::Calibration> known =
      calibration_of(original, options, progress, report);
  const WeightMetrics metrics(known, known ? calibrated_as(model, original, report.folded) : CalibratedAs{});
  collect_warnings(selection, known.get(), report);
  const std::vector<plan::PriceOptions> prices = price_options(selection, model);
  const AnalysisContext context{model,          metrics, prices,
                                options.errors, labels,  weights_to_compare(model, chosen, report.warnings)};
  std::vector<AnalysedWeight> analysed =
      analyse_all(context, chosen, base::worker_count(options.threads), progress);
  report.order = order_of(model, chosen, analysed);
  report.similar = similar_pairs(analysed);
  for (AnalysedWeight& weight : analysed) report.weights.push_back(std::move(weight.analysis));
}

}  // namespace

AnalyzeReport analyze(const AnalyzeOptions& options, base::Progress& progress) {
  const auto start = std::chrono::steady_clock::now();
  check_errors(options.errors);
  const unsigned threads = base::worker_count(options.threads);
  tensor::check_address_space(threads);
  const OpenedModel opened = open_weights(options.model, options.allow_symlinks, threads);
  AnalyzeReport report;
  describe_file(opened, options, report);
  const std::optional<model::Model> folded = fold_model(opened.model, as_compress(options), report.folded);
  analyse_model(opened.model, folded ? *folded : opened.model, options, progress, report);
  report.advice = advice_for(report.weights, report.order, report.similar);
  report.peak_rss_bytes = base::peak_rss_bytes();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace tt::pipeline
