// Judges a model against another and prints the figures, one "NAME VALUE" a line: judge_models [--labels Y]
// [--task T] [--mask INPUT] [--batch BYTES] [--threads N] [--first N] ORIGINAL CANDIDATE SAMPLES [MAPPING...]
// Errors: one line "KIND: message" on stderr and status 1.
#include <cstdio>
#include <iostream>
#include <map>
#include <optional>

#include "runtime/judge.h"
#include "runtime/library.h"

namespace {

using namespace tt::runtime;

void print(const std::string& name, double value) {
  std::printf("%s %.17g\n", name.c_str(), value);
}

void print(const OutputMetrics& metrics) {
  const std::string prefix = metrics.name + ".";
  print(prefix + "values", static_cast<double>(metrics.values));
  print(prefix + "mse", metrics.mse);
  print(prefix + "mae", metrics.mae);
  print(prefix + "max_abs_error", metrics.max_abs_error);
  print(prefix + "relative_error", metrics.relative_error);
  print(prefix + "pearson", metrics.pearson);
  print(prefix + "cosine_mean", metrics.cosine_mean);
  print(prefix + "cosine_min", metrics.cosine_min);
}

void print(const PredictionMetrics& metrics) {
  print("kl.mean", metrics.kl.mean);
  print("kl.median", metrics.kl.median);
  print("kl.p90", metrics.kl.p90);
  print("kl.p99", metrics.kl.p99);
  print("kl.se", metrics.kl.se);
  print("top1_agreement", metrics.top1_agreement);
  print("top5_agreement", metrics.top5_agreement);
  if (metrics.accuracy) {
    print("accuracy.original", metrics.accuracy->original);
    print("accuracy.candidate", metrics.accuracy->candidate);
    print("accuracy.drop", metrics.accuracy->drop);
    print("accuracy.low", metrics.accuracy->ci95_low);
    print("accuracy.high", metrics.accuracy->ci95_high);
    print("accuracy.p_value", metrics.accuracy->p_value);
  }
  if (metrics.perplexity) {
    print("perplexity.original", metrics.perplexity->original);
    print("perplexity.candidate", metrics.perplexity->candidate);
  }
}

void print(const Judgement& judgement) {
  print("samples", static_cast<double>(judgement.samples));
  for (const OutputMetrics& metrics : judgement.outputs) print(metrics);
  if (judgement.predictions) print(*judgement.predictions);
  if (judgement.label_error_original) print("label_error.original", *judgement.label_error_original);
  if (judgement.label_error_candidate) print("label_error.candidate", *judgement.label_error_candidate);
  for (const std::string& note : judgement.notes) std::cout << "note " << note << "\n";
}

std::uint64_t number(const std::map<std::string, std::string>& options, const std::string& name,
                     std::uint64_t otherwise) {
  const auto found = options.find(name);
  return found == options.end() ? otherwise : std::stoull(found->second);
}

void judge(std::vector<std::string> arguments) {
  std::map<std::string, std::string> given;
  while (arguments[0].starts_with("--")) {
    given[arguments[0]] = arguments[1];
    arguments.erase(arguments.begin(), arguments.begin() + 2);
  }
  SessionOptions session_options;
  session_options.threads = static_cast<unsigned>(number(given, "--threads", 1));
  const tt::model::Model model = tt::model::Model::open(arguments[0]);
  const Session original = Session::open(model, session_options),
                candidate = Session::open(tt::model::Model::open(arguments[1]), session_options);
  InputMappings mappings;
  for (std::size_t i = 3; i < arguments.size(); ++i) mappings.insert(parse_input_mapping(arguments[i]));
  const Samples samples = Samples::open(arguments[2], original.inputs(), mappings);
  std::optional<Labels> labels;
  if (given.contains("--labels")) labels = Labels::open(given["--labels"]);
  JudgeOptions options;
  options.labels = labels ? &*labels : nullptr;
  std::optional<Task> wished;
  if (given.contains("--task")) wished = parse_task(given["--task"]);
  options.task = choose_task(model, {original.inputs(), original.outputs()},
                             labels ? &labels->array() : nullptr, wished, false);
  options.mask_input = given["--mask"];
  options.first = number(given, "--first", 0);
  options.batch_bytes = number(given, "--batch", options.batch_bytes);
  tt::base::Progress progress;
  std::cout << "task " << task_name(options.task.task) << "\n";
  print(Judge(original, samples, options).judge(candidate, progress));
}

}  // namespace

int main(int argc, char** argv) try {
  judge({argv + 1, argv + argc});
  return 0;
} catch (const tt::base::Error& error) {
  std::cerr << tt::base::kind_name(error.kind()) << ": " << error.what() << "\n" << error.hint() << "\n";
  return 1;
}
