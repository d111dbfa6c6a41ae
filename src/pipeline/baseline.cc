#include "pipeline/baseline.h"

#include <cmath>
#include <optional>

#include "base/error.h"
#include "base/input_file.h"
#include "base/text.h"
#include "pipeline/gates.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;
using base::Json;

struct Figure {
  std::string name;
  double value = 0;
  bool larger_is_better = false;
};

[[noreturn]] void refuse(const std::string& why) {
  throw Error(ErrorKind::bad_data, "the baseline does not fit, " + why,
              "make it again with the same options: tt verify ... --json > baseline.json");
}

std::vector<Figure> figures_of(const VerifyReport& report) {
  std::vector<Figure> figures;
  const auto& predictions = report.judgement.predictions;
  if (predictions && predictions->accuracy) figures.push_back({"drop", predictions->accuracy->drop});
  if (predictions) figures.push_back({"kl_mean", predictions->kl.mean});
  for (const runtime::OutputMetrics& output : report.judgement.outputs) {
    const std::string of = " of " + base::quoted(output.name);
    figures.push_back({"relative_error" + of, output.relative_error});
    figures.push_back({"max_abs_error" + of, output.max_abs_error});
    figures.push_back({"cosine_min" + of, output.cosine_min, true});
  }
  if (predictions && predictions->perplexity)
    figures.push_back({"perplexity", predictions->perplexity->candidate});
  if (report.eval) figures.push_back({"eval_drop", report.eval->drop});
  return figures;
}

// The member of an object, or null where either is missing.
const Json* member(const Json& baseline, std::string_view object, std::string_view key) {
  const Json* found = baseline.find(object);
  return found ? found->find(key) : nullptr;
}

double finite_figure(const Json* value, const std::string& name) {
  if (value == nullptr || !value->is_number()) refuse(name + " is missing there or was not finite");
  return value->as_double(name);
}

// The same list, in the same order, from the report's JSON.
std::vector<Figure> figures_of(const Json& baseline) {
  std::vector<Figure> figures;
  const auto add = [&](const std::string& name, const Json* value) {
    figures.push_back({name, finite_figure(value, name)});
  };
  const auto has = [&](std::string_view key) {
    const Json* found = baseline.find(key);
    return found && found->is_object();
  };
  if (has("accuracy")) add("drop", member(baseline, "accuracy", "drop"));
  if (has("kl")) add("kl_mean", member(baseline, "kl", "mean"));
  for (const Json& output : baseline.at("outputs", "baseline").as_array("outputs")) {
    const std::string of = " of " + base::quoted(output.at("name", "output").as_string("name"));
    for (const std::string name : {"relative_error", "max_abs_error", "cosine_min"})
      add(name + of, output.find(name));
  }
  if (has("perplexity")) add("perplexity", member(baseline, "perplexity", "candidate"));
  if (has("eval")) add("eval_drop", member(baseline, "eval", "drop"));
  return figures;
}

void check_same_run(const Json& baseline, const VerifyReport& report) {
  const Json& task = baseline.at("task", "baseline");
  const std::string there = task.is_null() ? "" : task.as_string("task");
  if (there != report.task)
    refuse("its task is " + base::quoted(there) + " instead of " + base::quoted(report.task));
  const std::uint64_t samples = baseline.at("samples", "baseline").as_uint("samples");
  if (samples != report.judgement.samples)
    refuse("it has " + std::to_string(samples) + " samples instead of " +
           std::to_string(report.judgement.samples));
}

Gate gate_of(const Figure& now, const Figure& then, double tolerance) {
  const double slack = tolerance * std::abs(then.value);
  const std::string name = "baseline " + now.name;
  if (!now.larger_is_better) return upper_gate(name, then.value + slack, now.value, now.name);
  Gate gate{name, then.value - slack, now.value, now.value >= then.value - slack, ""};
  if (!gate.passed) gate.why = now.name + " is worse than in the baseline";
  return gate;
}

}  // namespace

base::Json read_baseline(const std::string& path) {
  const base::InputFile file = base::InputFile::open(path);
  const base::JsonLimits limits;
  if (file.size() > limits.max_bytes)
    throw Error(ErrorKind::bad_data,
                "baseline " + base::quoted(path) + " is no report of tt verify, too large");
  const base::Bytes bytes = file.read_bytes(0, file.size());
  Json baseline = base::parse_json(base::text_of(bytes), "baseline " + base::quoted(path), limits);
  for (const char* key : {"passed", "gates", "outputs", "task", "samples"})
    if (!baseline.find(key))
      throw Error(ErrorKind::bad_data,
                  "baseline " + base::quoted(path) + " is no report of tt verify, it has no " + key,
                  "make it by: tt verify ... --json > baseline.json");
  return baseline;
}

std::vector<Gate> baseline_gates(const base::Json& baseline, double tolerance, const VerifyReport& report) {
  check_same_run(baseline, report);
  const std::vector<Figure> then = figures_of(baseline), now = figures_of(report);
  std::vector<Gate> gates;
  for (std::size_t i = 0; i < now.size() || i < then.size(); ++i) {
    if (i >= then.size() || (i < now.size() && now[i].name != then[i].name && then.size() <= now.size()))
      refuse("it has no " + now[i].name);
    if (i >= now.size() || now[i].name != then[i].name) refuse("only it has " + then[i].name);
    gates.push_back(gate_of(now[i], then[i], tolerance));
  }
  return gates;
}

}  // namespace tt::pipeline
