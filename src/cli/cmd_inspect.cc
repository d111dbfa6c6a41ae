#include "cli/calibrate_report.h"
#include "cli/commands.h"
#include "cli/report_json.h"
#include "cli/report_text.h"
#include "cli/standard_output.h"
#include "pipeline/inspect.h"

namespace tt::cli {
namespace {

void run(const Invocation& invocation) {
  const pipeline::InspectReport report =
      pipeline::inspect(only_argument(invocation, "FILE"), invocation.arguments.has("allow-symlinks"));
  if (report.calibration)
    return print(invocation.common.json ? inspect_calibration_json(report).dump(2) + "\n"
                                        : inspect_calibration_text(report, invocation.common.verbose));
  print(invocation.common.json ? inspect_json(report).dump(2) + "\n"
                               : inspect_text(report, invocation.common.verbose));
}

}  // namespace

Command inspect_command() {
  Command command;
  command.name = "inspect";
  command.summary = "show what is in a .tt, .ttcal, ONNX or safetensors file";
  command.synopsis = {"inspect [OPTIONS] FILE"};
  command.description =
      "Lists every weight of FILE with role, shape, encoding, bits per weight, bytes and error, then "
      "totals.\n"
      "Only the header is read: a file of any size answers at once. The error is ||W - W^|| / ||W||, "
      "measured\n"
      "on what was written; --verbose adds files, sizes of the parts and options.";
  command.options = {{.name = "allow-symlinks", .help = "follow symbolic links to external data files"}};
  command.examples = {"tt inspect model.tt", "tt inspect model.tt --json | jq .stats"};
  command.run = run;
  return command;
}

}  // namespace tt::cli
