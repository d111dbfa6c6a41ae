// --report and --plot: files that a command writes beside its result.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/output_file.h"
#include "cli/commands.h"

namespace tt::cli {

// Rows of the table of options.
std::vector<OptionSpec> report_options();

// Created before the work, so that a path that cannot be written is found first; removed again if write() is
// not reached.
class ReportFiles {
 public:
  // `used`: paths of the command's inputs and of its other outputs, empty ones among them. Errors: usage (-,
  // one of these paths, the same path twice, an ending that --plot does not know), those of
  // OutputFile::create.
  ReportFiles(std::string_view command, const Arguments& arguments, const std::vector<std::string>& used);

  bool wanted() const { return page_ || plot_; }
  // The page and the plot of what --json prints. Errors: write_failed.
  void write(const base::Json& report);

 private:
  std::string command_;
  std::optional<base::OutputFile> page_, plot_;
};

}  // namespace tt::cli
