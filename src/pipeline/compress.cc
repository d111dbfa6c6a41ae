#include "pipeline/compress.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/text.h"
#include "pipeline/calibrate.h"
#include "pipeline/compress_job.h"
#include "pipeline/file_hash.h"
#include "pipeline/fold_model.h"
#include "pipeline/generated_calibration.h"
#include "pipeline/plan_file.h"
#include "tensor/blas.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;

void check_paths(const CompressOptions& options, const model::Model& model) {
  for (const std::string* path : {&options.output, &options.rollback, &options.plan_out})
    for (const model::SourceFile& source : model.files())
      if (!path->empty() && *path != "-" && source.file.is_same_file(*path))
        throw Error(ErrorKind::usage, "output " + base::quoted(*path) + " is the input itself",
                    "choose another output path");
}

void check_runtime(const CompressOptions& options, const model::Model& model) {
  if (options.runtime == "any") return;
  if (options.runtime != "quantized")
    throw Error(ErrorKind::usage, "unknown runtime " + base::quoted(options.runtime), "use any or quantized");
  if (model.format() != model::FileFormat::onnx)
    throw Error(ErrorKind::usage,
                "--runtime quantized is for ONNX models, and " + base::quoted(options.input) +
                    " is a safetensors file",
                "leave --runtime out: a file without a graph does not run");
}

std::uint64_t size_goal(const CompressOptions& options, std::uint64_t bytes_in) {
  std::uint64_t goal = UINT64_MAX;
  if (options.target_ratio)
    goal = static_cast<std::uint64_t>(std::floor(*options.target_ratio * static_cast<double>(bytes_in)));
  if (options.target_bytes) goal = std::min(goal, *options.target_bytes);
  return goal;
}

std::vector<std::string> warnings_of(const CompressJob& job, const model::Model& model,
                                     const CompressOptions& options) {
  std::vector<std::string> warnings = job.selection().warnings;
  for (std::string& warning : job.limit_warnings()) warnings.push_back(std::move(warning));
  if (const runtime::Calibration* known = job.metrics().calibration())
    for (std::string& warning : calibration_warnings(known->info())) warnings.push_back(std::move(warning));
  for (std::size_t i = 0; i < job.ranges().size(); ++i) {
    if (job.ranges()[i] == tensor::ValueRange::float32) continue;
    const bool finite = job.ranges()[i] == tensor::ValueRange::float64;
    const std::string message = "weight " + base::quoted(model.weights()[i].name) + " has values that are " +
                                (finite ? "beyond the range of float32" : "not finite");
    if (options.fail_on_nan && !finite)
      throw Error(ErrorKind::bad_data, message,
                  "repair the model, or drop --fail-on-nan to keep such weights bit for bit");
    warnings.push_back(message + ": it is kept bit for bit");
  }
  return warnings;
}

// Under svd and tt an error bound is a wish: what misses it is named.
void name_missed_wishes(const CompressOptions& options, CompressReport& report) {
  if (options.method == "auto" || !options.epsilon) return;
  for (const WeightReport& weight : report.weights)
    if (weight.relative_error > *options.epsilon)
      report.warnings.push_back("weight " + base::quoted(weight.name) + " misses epsilon: relative error " +
                                base::number_text(weight.relative_error, 3));
}

void describe(const FittedPlan& fitted, const CompressJob& job, CompressReport& report) {
  report.bytes_out = fitted.size.total;
  report.ratio = static_cast<double>(report.bytes_out) / static_cast<double>(report.bytes_in);
  const std::vector<Certificate> certificates = job.certify();
  for (std::size_t i = 0; i < fitted.weights.size(); ++i) {
    container::WeightEntry entry = fitted.weights[i]->entry;
    entry.core_sizes.clear();
    for (const codec::Core& core : fitted.weights[i]->cores) entry.core_sizes.push_back(core.bytes.size());
    report.weights.push_back(report_of(entry));
    report.weights.back().reason = job.selection().reasons[i];
    report.weights.back().certificate = certificates[i];
    for (const std::string& warning : fitted.weights[i]->warnings)
      report.warnings.push_back("weight " + base::quoted(entry.name) + ": " + warning);
  }
  report.stats = stats_of(report.weights, report.bytes_in, report.bytes_out);
}

JobCalibration calibration_of(const model::Model& model, const CompressOptions& options,
                              base::Progress& progress) {
  if (options.limits.calib.empty() || options.lossless) return {};
  return {calibrate_for(model, options.limits, options.seed, options.threads, progress),
          {},
          is_calibration_file(options.limits.calib)};
}

// Where it helps (above eight bits a weight every plan is good) and the user did not say what is to be done
// with each weight.
bool wants_generated(const model::Model& model, const CompressOptions& options, std::uint64_t goal) {
  std::uint64_t elements = 0;
  for (const model::Weight& weight : model.weights()) elements += weight.layout.elements();
  return options.generate && !options.lossless && terms_of(options.effort).generates &&
         options.plan_in.empty() && options.method == "auto" && model.format() == model::FileFormat::onnx &&
         (goal < elements || (goal == UINT64_MAX && options.limits.has_samples()));
}

JobCalibration generated_for(const model::Model& model, const CompressOptions& options,
                             base::Progress& progress, CompressReport& report) {
  const GeneratedCalibration generated = calibrate_on_generated(
      model, {base::worker_count(options.threads), options.seed, options.max_memory}, progress);
  report.generated_samples = generated.samples;
  report.why_not_generated = generated.why_not;
  return {generated.known, {}, false, generated_limits(options.max_memory)};
}

std::vector<PlannedWeight> plan_of(const FittedPlan& fitted) {
  std::vector<PlannedWeight> plan;
  for (const container::EncodedWeight* weight : fitted.weights)
    plan.push_back({weight->entry.name, codec::spec_of(weight->entry.encoding)});
  return plan;
}

// The outputs, opened before the work so that a folder that cannot be written is found first. They appear
// together at the end: the rollback file first, so that a compressed model never stands without it.
class Outputs {
 public:
  explicit Outputs(const CompressOptions& options) {
    if (options.dry_run) return;
    out_ = base::OutputFile::create(options.output);
    if (!options.rollback.empty()) rollback_ = base::OutputFile::create(options.rollback);
  }

  void write(const CompressJob& job, const model::Model& original, const CompressOptions& options,
             base::Progress& progress, CompressReport& report) {
    if (!out_) return;
    job.write(*out_);
    report.output_sha256 = sha256_of(*out_);
    if (rollback_) {
      CompressJob lossless(original, original, options, true, {}, progress);
      lossless.fit(UINT64_MAX);
      lossless.write(*rollback_);
    }
    for (const model::SourceFile& source : original.files()) source.file.check_unchanged();
  }

  void publish() {
    if (rollback_) rollback_->commit();
    if (out_) out_->commit();
  }

 private:
  std::optional<base::OutputFile> out_, rollback_;
};

}  // namespace

CompressReport compress(const CompressOptions& options, base::Progress& progress) {
  check_limit_options(options.limits);
  tensor::check_address_space(base::worker_count(options.threads));
  return compress(options, model::Model::open(options.input, {.allow_symlinks = options.allow_symlinks}),
                  progress);
}

CompressReport compress(const CompressOptions& options, const model::Model& original,
                        base::Progress& progress) {
  const auto start = std::chrono::steady_clock::now();
  check_paths(options, original);
  check_runtime(options, original);

  CompressReport report;
  report.input = options.input;
  report.output = options.dry_run ? "" : options.output;
  report.bytes_in = original.bytes();
  report.input_sha256 = base::hex(base::sha256_file(original.files()[0].file));
  report.seed = options.seed;
  const std::uint64_t goal = options.lossless ? UINT64_MAX : size_goal(options, original.bytes());
  report.budget_bytes = goal == UINT64_MAX ? 0 : goal;

  Outputs outputs(options);
  JobCalibration calibration = calibration_of(original, options, progress);
  report.calibrated = calibration.known != nullptr;
  if (!calibration.known && wants_generated(original, options, goal))
    calibration = generated_for(original, options, progress, report);
  const std::optional<model::Model> folded = fold_model(original, options, report.folded);
  const model::Model& model = folded ? *folded : original;
  if (calibration.known) calibration.weights = calibrated_as(model, original, report.folded);
  CompressJob job(model, original, options, options.lossless, calibration, progress);
  const FittedPlan& fitted = job.fit(goal);
  report.quality = job.quality();
  if (calibration.known && report.budget_bytes != 0) report.choice = job.choice();
  report.warnings = warnings_of(job, model, options);
  describe(fitted, job, report);
  name_missed_wishes(options, report);
  if (!options.plan_out.empty()) write_plan_file(options.plan_out, plan_of(fitted));
  outputs.write(job, original, options, progress, report);
  outputs.publish();

  report.peak_rss_bytes = base::peak_rss_bytes();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace tt::pipeline
