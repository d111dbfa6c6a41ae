// The options of `tt analyze --sweep`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/output_file.h"
#include "cli/common_options.h"
#include "pipeline/analyze.h"
#include "pipeline/sweep.h"

namespace tt::cli {

std::vector<OptionSpec> sweep_specs();

// The model, samples and patterns are those of `analysis`; analyze's own options hold. Errors: usage (a value
// out of range), those of pipeline::check_sweep.
pipeline::SweepOptions sweep_options(const Invocation& invocation, const pipeline::AnalyzeOptions& analysis);
// Errors: usage: --ratios and the like without --sweep.
void check_no_sweep(const Arguments& arguments);

// --sweep-out: the points as a file of their own. While the sweep lasts its checkpoint lies beside it.
class SweepFile {
 public:
  // Created before the work, so that a path that cannot be written is found first. Errors: usage (another
  // ending, one of `inputs`, which may hold empty paths), those of OutputFile::create.
  SweepFile(const Arguments& arguments, const std::optional<pipeline::SweepOptions>& options,
            const std::vector<std::string>& inputs);

  // Errors: write_failed.
  void write(const pipeline::SweepReport& report);
  // Removes the checkpoint: once every output is written, for until then --resume spares the work.
  void finish();

 private:
  std::string path_, checkpoint_;
  std::optional<base::OutputFile> out_;
};

}  // namespace tt::cli
