#include "pipeline/edit.h"

#include <chrono>

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/text.h"
#include "pipeline/calibrate.h"
#include "pipeline/edit_history.h"
#include "pipeline/edit_job.h"
#include "pipeline/open_model.h"
#include "pipeline/rewrite.h"
#include "tensor/blas.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;
using container::Container;

constexpr double kMostInjected = 1000;

[[noreturn]] void throw_usage(const std::string& message) {
  throw Error(ErrorKind::usage, message, "see tt help edit");
}

void check_direction(const EditOptions& options) {
  const bool any = !options.positive.empty() || !options.negative.empty() || !options.layer.empty();
  const bool all = !options.positive.empty() && !options.negative.empty() && !options.layer.empty();
  if (options.direction.empty() && !any) throw_usage("there is nothing to edit: no direction is given");
  if (!options.direction.empty() && any)
    throw_usage("a direction is given, and samples to find one: one of them is too many");
  if (any && !all) throw_usage("a direction of samples needs --positive, --negative and --layer");
  if (pattern_number(options.direction) && options.weights.empty())
    throw_usage("a pattern is one of a weight: say which by --weights");
}

void check_options(const EditOptions& options) {
  check_direction(options);
  const double most = options.inject ? kMostInjected : 1;
  if (!(options.strength > 0 && options.strength <= most))
    throw_usage("the strength is " + base::number_text(options.strength) +
                ", but must be above 0 and at most " + base::number_text(most));
  if (!options.max_collateral) return;
  if (options.preserve.empty()) throw_usage("a limit on the collateral needs --preserve samples");
  if (!(*options.max_collateral >= 0)) throw_usage("the limit on the collateral is negative");
  if (is_calibration_file(options.preserve))
    throw_usage("a limit on the collateral needs samples to run, and --preserve is a calibration");
}

// What the edit does to the outputs on the samples that can be run.
void measure(const EditOptions& options, const model::Model& before, const base::OutputFile& out,
             base::Progress& progress, EditReport& report) {
  const auto runs = [](const std::string& path) { return !path.empty() && !is_calibration_file(path); };
  const bool keep = runs(options.preserve), target = runs(options.positive);
  if (!keep && !target) return;
  const unsigned threads = base::worker_count(options.threads);
  const model::Model after = decoded_model(Container::open(out.reopen()), threads);
  const auto effect = [&](const std::string& path) {
    return effect_of(before, after, {path, options.inputs, options.mask_input, options.task}, threads,
                     progress);
  };
  if (keep) report.collateral = effect(options.preserve);
  if (target) report.target = effect(options.positive);
}

// Why nothing is written, or empty.
std::string failed_gate(const EditOptions& options, const EditReport& report) {
  if (!options.max_collateral) return {};
  const Effect& found = *report.collateral;
  if (!found.finite) return "the outputs on the samples to keep are not finite after the edit";
  if (found.relative_error <= *options.max_collateral) return {};
  return "the collateral is " + base::number_text(found.relative_error) +
         " on the samples to keep, above the limit of " + base::number_text(*options.max_collateral);
}

}  // namespace

EditReport edit(const EditOptions& options, base::Progress& progress) {
  const auto start = std::chrono::steady_clock::now();
  check_options(options);
  tensor::check_address_space(base::worker_count(options.threads));
  const Container container = Container::open(base::InputFile::open(options.input));
  EditReport report;
  report.action = options.inject ? "inject" : "project_out";
  report.input = options.input;
  report.output = options.output;
  report.bytes_in = container.file().size();
  base::OutputFile out = base::OutputFile::create(options.output);
  EditJob job(container, options, progress);
  std::vector<container::EncodedWeight> changed;
  for (EditedWeight& weight : job.run(report)) changed.push_back(std::move(weight.encoded));
  write_changed(container, changed, edit_row(options, report, container), out);
  measure(options, job.model(), out, progress, report);
  report.failure = failed_gate(options, report);
  if (report.failure.empty()) publish_edit(container, options.undo_file, out, report);
  report.peak_rss_bytes = base::peak_rss_bytes();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace tt::pipeline
