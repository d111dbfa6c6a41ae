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

// The model, samples and patterns are those of `analysis`; analyze's own options hold. Errors: usage (an
// option without its sweep, a value out of range).
pipeline::SweepOptions sweep_options(const Invocation& invocation, const pipeline::AnalyzeOptions& analysis);
// Errors: usage: --ratios and the like without --sweep.
void check_no_sweep(const Arguments& arguments);

// --sweep-out: the points as a file of their own. While the sweep lasts its checkpoint lies beside it.
class SweepFile {
 public:
  // Created before the work, so that a path that cannot be written is found first. Errors: usage (another
  // ending, an input of the sweep), those of OutputFile::create.
  SweepFile(const Arguments& arguments, const std::optional<pipeline::SweepOptions>& options);

  // Then the checkpoint goes. Errors: write_failed.
  void write(const pipeline::SweepReport& report);

 private:
  std::string path_, checkpoint_;
  std::optional<base::OutputFile> out_;
};

}  // namespace tt::cli
