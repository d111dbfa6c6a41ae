#include "cli/sweep_options.h"

#include <cstdio>

#include "base/error.h"
#include "base/text.h"
#include "cli/option_values.h"
#include "cli/same_file.h"
#include "cli/sweep_report.h"

namespace tt::cli {
namespace {

using base::Error;
using base::ErrorKind;

constexpr std::string_view kName = "analyze";
constexpr std::size_t kMaxSettings = 64;  // of one list
constexpr std::uint64_t kMaxRank = 65536;

pipeline::SweepGrid grid_of(const Arguments& arguments) {
  pipeline::SweepGrid grid;
  if (const std::string* list = arguments.value("methods"))
    grid.families = OptionValue{kName, "methods", *list}.parts();
  if (const std::string* list = arguments.value("ratios"))
    grid.ratios = OptionValue{kName, "ratios", *list}.fractions(kMaxSettings);
  if (const std::string* list = arguments.value("ranks"))
    grid.ranks = OptionValue{kName, "ranks", *list}.integers(kMaxSettings, 1, kMaxRank);
  return grid;
}

pipeline::CompressOptions compress_options(const pipeline::AnalyzeOptions& analysis) {
  pipeline::CompressOptions options;
  options.input = analysis.model;
  options.limits = analysis.samples;
  options.include = analysis.include;
  options.exclude = analysis.exclude;
  options.fold = analysis.fold;
  options.generate = analysis.generate;
  options.seed = analysis.seed;
  options.threads = analysis.threads;
  options.max_memory = analysis.max_memory;
  options.allow_symlinks = analysis.allow_symlinks;
  return options;
}

pipeline::VerifyOptions verify_options(const Arguments& arguments, const pipeline::AnalyzeOptions& analysis) {
  pipeline::VerifyOptions options;
  options.data = arguments.text("data");
  options.labels = arguments.text("labels");
  options.inputs = analysis.samples.inputs;
  options.mask_input = analysis.samples.mask_input;
  options.task = analysis.samples.task;
  options.seed = analysis.seed;
  options.threads = analysis.threads;
  options.max_memory = analysis.max_memory;
  options.allow_symlinks = analysis.allow_symlinks;
  return options;
}

}  // namespace

std::vector<OptionSpec> sweep_specs() {
  return {
      {.name = "sweep", .help = "also compress the whole model to many sizes, and measure every file"},
      {.name = "data", .value = "FILE", .help = "sweep: the samples to measure on, as for tt verify"},
      {.name = "labels", .value = "FILE", .help = "sweep: what is right, as for tt verify"},
      {.name = "methods", .value = "LIST", .help = "sweep: some of auto,svd,tt,svd-rank,tt-rank"},
      {.name = "ratios", .value = "LIST", .help = "sweep: sizes of auto, svd and tt, of the model's"},
      {.name = "ranks", .value = "LIST", .help = "sweep: ranks of svd-rank and tt-rank"},
      {.name = "sweep-out", .value = "FILE", .help = "sweep: also write the points to a .csv or .json file"},
      {.name = "resume", .help = "sweep: go on from FILE.part, what an interrupted run had measured"},
      {.name = "no-latency", .help = "sweep: measure no time"},
  };
}

void check_no_sweep(const Arguments& arguments) {
  for (const OptionSpec& spec : sweep_specs())
    if (arguments.has(spec.name))
      throw Error(ErrorKind::usage, "option --" + std::string(spec.name) + " is of a sweep", "add --sweep");
}

pipeline::SweepOptions sweep_options(const Invocation& invocation, const pipeline::AnalyzeOptions& analysis) {
  const Arguments& arguments = invocation.arguments;
  pipeline::SweepOptions options;
  options.compress = compress_options(analysis);
  options.verify = verify_options(arguments, analysis);
  options.grid = grid_of(arguments);
  options.latency = !arguments.has("no-latency");
  const std::string out = arguments.text("sweep-out");
  if (!out.empty()) options.checkpoint = out + ".part";
  options.resume = arguments.has("resume");
  if (options.resume && out.empty())
    throw Error(ErrorKind::usage, "option --resume needs --sweep-out",
                "what is done so far lies beside that file, in FILE.part");
  pipeline::check_sweep(options);
  return options;
}

SweepFile::SweepFile(const Arguments& arguments, const std::optional<pipeline::SweepOptions>& options,
                     const std::vector<std::string>& inputs)
    : path_(arguments.text("sweep-out")) {
  if (!options || path_.empty()) return;
  checkpoint_ = options->checkpoint;
  if (!path_.ends_with(".csv") && !path_.ends_with(".json"))
    OptionValue{kName, "sweep-out", path_}.refuse("a file that ends in .csv or .json");
  for (const std::string& input : inputs)
    for (const std::string* output : {&path_, &checkpoint_})
      if (!input.empty()) check_output(kName, "sweep-out", input, *output);
  base::OutputFile::create(checkpoint_);  // only to see that it can be
  out_ = base::OutputFile::create(path_);
}

void SweepFile::write(const pipeline::SweepReport& report) {
  if (!out_) return;
  const std::string text = path_.ends_with(".csv") ? sweep_csv(report) : sweep_json(report).dump(2) + "\n";
  out_->write(0, base::view_of(text));
  out_->commit();
}

void SweepFile::finish() {
  if (out_) std::remove(checkpoint_.c_str());
}

}  // namespace tt::cli
