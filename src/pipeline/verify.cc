#include "pipeline/verify.h"

#include <algorithm>
#include <chrono>
#include <tuple>

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/sha256.h"
#include "base/text.h"
#include "pipeline/baseline.h"
#include "pipeline/eval_command.h"
#include "pipeline/gates.h"
#include "pipeline/interface.h"
#include "pipeline/open_model.h"
#include "runtime/batches.h"
#include "runtime/macs.h"

namespace tt::pipeline {
namespace {

constexpr double kIsolatedSeconds = 600;  // one run of a model in its child process

using base::Error;
using base::ErrorKind;

struct Models {
  OpenedModel original, candidate;
};

std::string source_of(const OpenedModel& opened) {
  if (opened.source_sha256) return *opened.source_sha256;
  return base::hex(base::sha256_file(opened.model.files()[0].file));
}

// A candidate of another original is compared all the same: the user may mean it.
void check_source(const Models& models, VerifyReport& report) {
  if (!models.candidate.source_sha256 || source_of(models.original) == *models.candidate.source_sha256)
    return;
  report.warnings.push_back(base::quoted(report.candidate) + " was not made from " +
                            base::quoted(report.original) + ": the sha256 of its source is " +
                            *models.candidate.source_sha256);
}

runtime::SessionOptions session_options(const VerifyOptions& options) {
  runtime::SessionOptions session;
  session.threads = base::worker_count(options.threads);
  if (options.isolate) {
    session.isolate.emplace();
    session.isolate->memory_bytes = options.max_memory;
    session.isolate->seconds = kIsolatedSeconds;
  }
  return session;
}

runtime::TaskChoice task_of(const VerifyOptions& options, const model::Model& original,
                            const runtime::Session& session, const runtime::Labels* labels) {
  std::optional<runtime::Task> wished;
  if (!options.task.empty()) wished = runtime::parse_task(options.task);
  const runtime::Signature signature{session.inputs(), session.outputs()};
  return runtime::choose_task(original, signature, labels ? &labels->array() : nullptr, wished,
                              options.max_kl || options.max_drop);
}

runtime::JudgeOptions judge_options(const VerifyOptions& options, const runtime::TaskChoice& task,
                                    const runtime::Labels* labels) {
  runtime::JudgeOptions judge;
  judge.task = task;
  judge.predictions = options.max_kl || options.max_drop;
  judge.labels = labels;
  judge.mask_input = options.mask_input;
  judge.confidence = options.confidence;
  judge.seed = options.seed;
  return judge;
}

// What cannot be counted is no reason to fail: multiply-adds are no limit of anything.
std::optional<std::uint64_t> macs_of(const model::Model& model, const runtime::Batches& batches,
                                     const std::string& which, const VerifyOptions& options,
                                     VerifyReport& report) {
  try {
    const runtime::Macs macs = runtime::count_macs(model, batches.first_inputs(), batches.first_samples(),
                                                   session_options(options).threads);
    if (macs.uncounted == 0) return macs.total;
    report.warnings.push_back("multiply-adds of the " + which + " are not known, " +
                              std::to_string(macs.uncounted) +
                              " layers lie inside If, Loop, Scan or functions");
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted || error.kind() == ErrorKind::terminated) throw;
    report.warnings.push_back("multiply-adds of the " + which + " are not known, " + error.what());
  }
  return std::nullopt;
}

void measure_cost(const VerifyOptions& options, const Models& models, const runtime::Session& original,
                  const runtime::Session& candidate, const runtime::Samples& samples, VerifyReport& report) {
  const bool macs = options.macs && !options.isolate;  // counting runs the models in this process
  if (!macs && !options.latency) return;
  const runtime::Batches batches(original, samples, 0, samples.size(), 1);
  if (options.latency)
    std::tie(report.latency_original, report.latency_candidate) =
        runtime::measure_latency(original, candidate, batches.first_inputs());
  if (!macs) return;
  report.macs_original = macs_of(models.original.model, batches, "original", options, report);
  report.macs_candidate = macs_of(models.candidate.model, batches, "candidate", options, report);
}

void compare_on_samples(const VerifyOptions& options, const Models& models, base::Progress& progress,
                        VerifyReport& report) {
  const runtime::Session original = runtime::Session::open(models.original.model, session_options(options));
  const runtime::Session candidate = runtime::Session::open(models.candidate.model, session_options(options));
  check_same_interface(original, candidate);
  const runtime::Samples samples = runtime::Samples::open(options.data, original.inputs(), options.inputs);
  std::optional<runtime::Labels> labels;
  if (!options.labels.empty()) labels = runtime::Labels::open(options.labels);
  const runtime::Labels* given = labels ? &*labels : nullptr;
  const runtime::TaskChoice task = task_of(options, models.original.model, original, given);
  report.task = runtime::task_name(task.task);
  report.task_reason = task.reason;
  report.judgement =
      runtime::Judge(original, samples, judge_options(options, task, given)).judge(candidate, progress);
  if (options.per_layer) {
    report.layers = layer_qualities(models.original.model, models.candidate.model, samples,
                                    {session_options(options), options.mask_input}, progress);
    report.warnings.insert(report.warnings.end(), report.layers->notes.begin(), report.layers->notes.end());
  }
  measure_cost(options, models, original, candidate, samples, report);
}

bool passes(const VerifyReport& report) {
  return report.judgement.finite &&
         std::all_of(report.gates.begin(), report.gates.end(), [](const Gate& gate) { return gate.passed; });
}

}  // namespace

VerifyReport verify(const VerifyOptions& options, base::Progress& progress) {
  const auto start = std::chrono::steady_clock::now();
  check_gate_options(options);
  if (!options.eval_cmd.empty()) command_for(options.eval_cmd, "");  // a wrong one is found before the work
  std::optional<base::Json> baseline;
  if (!options.baseline.empty()) baseline = read_baseline(options.baseline);

  VerifyReport report;
  report.original = options.original;
  report.candidate = options.candidate;
  if (options.confidence > 0) report.confidence = options.confidence;
  const Models models{open_model(options.original, options.allow_symlinks, options.threads),
                      open_model(options.candidate, options.allow_symlinks, options.threads)};
  report.bytes_original = models.original.file_bytes;
  report.bytes_candidate = models.candidate.file_bytes;
  check_source(models, report);
  if (!options.data.empty()) compare_on_samples(options, models, progress, report);
  if (!options.eval_cmd.empty())
    report.eval = evaluate(options, models.original.model, models.candidate.model, progress);

  report.gates = gates_of(options, report.judgement, report.eval);
  if (baseline)
    for (Gate& gate : baseline_gates(*baseline, options.baseline_tolerance, report))
      report.gates.push_back(std::move(gate));
  report.passed = passes(report);
  report.peak_rss_bytes = base::peak_rss_bytes();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace tt::pipeline
