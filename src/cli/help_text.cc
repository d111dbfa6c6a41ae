#include "cli/help_text.h"

#include <fmt/format.h>

namespace tt::cli {
namespace {

constexpr int kOptionColumn = 30;

std::string option_line(const OptionSpec& spec) {
  const std::string letter = spec.letter ? fmt::format("-{}, ", spec.letter) : "    ";
  const std::string value = spec.value.empty() ? "" : " " + std::string(spec.value);
  const std::string left = fmt::format("  {}--{}{}", letter, spec.name, value);
  // A long name gets a line of its own.
  const std::string gap = left.size() + 2 > kOptionColumn ? "\n" + std::string(kOptionColumn, ' ') : "";
  return fmt::format("{:<{}}{}\n", gap.empty() ? left : left + gap, gap.empty() ? kOptionColumn : 0,
                     spec.help);
}

std::string option_lines(const std::vector<OptionSpec>& specs) {
  std::string lines;
  for (const OptionSpec& spec : specs) lines += option_line(spec);
  return lines;
}

std::string command_lines() {
  std::string lines;
  for (const Command& command : commands())
    lines += fmt::format("  {:<12}{}\n", command.name, command.summary);
  return lines;
}

}  // namespace

std::string version_text() {
  return "tt " TT_VERSION "\n";
}

std::string usage_text() {
  return "usage: tt COMMAND [OPTIONS] ...\n\n" + command_lines() + "\n";
}

std::string overview_text() {
  return "tt makes trained neural networks smaller: an ONNX or safetensors model in, a .tt file out, and "
         "back.\n\n" +
         usage_text() + "Options of every command:\n" + option_lines(common_options()) +
         "\nOptions may stand anywhere; -- ends them; - is standard input or output where one file is "
         "meant.\n"
         "Exit status: 0 done, 1 goal not met, 64 usage, 65 unusable data or a limit, 66 no input, 70 "
         "internal,\n"
         "73 output cannot be created, 74 write failed, 75 output locked, 77 permission, 78 configuration,\n"
         "130 and 143 signals.\n"
         "'tt help COMMAND' and 'man tt-COMMAND' tell more.\n";
}

std::string help_text(const Command& command) {
  std::string text;
  for (const std::string_view line : command.synopsis)
    text += fmt::format("{} tt {}\n", text.empty() ? "usage:" : "      ", line);
  text += fmt::format("\n{}\n", command.description);
  if (!command.options.empty()) text += "\nOptions:\n" + option_lines(command.options);
  text += "\nOptions of every command:\n" + option_lines(common_options());
  if (!command.examples.empty()) text += "\nExamples:\n";
  for (const std::string_view example : command.examples) text += fmt::format("  {}\n", example);
  return text;
}

}  // namespace tt::cli
