#include "cli/input_options.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/text.h"

namespace tt::cli {
namespace {

using runtime::InputMapping;
using runtime::InputMappings;

void replace_keys(InputMapping& mapping, const InputMapping& by) {
  if (by.scale) mapping.scale = by.scale;
  if (by.mean) mapping.mean = by.mean;
  if (by.std) mapping.std = by.std;
  if (!by.reshaped) return;
  mapping.shape = by.shape;
  mapping.reshaped = true;
}

}  // namespace

InputMappings input_mappings(const Invocation& invocation) {
  InputMappings mappings;
  for (const auto& [name, settings] : invocation.config.inputs())
    for (const auto& [key, setting] : settings)
      replace_keys(
          mappings[name],
          runtime::parse_input_mapping("x:" + key + "=" + std::get<std::string>(setting.value)).second);
  std::set<std::string> given;
  for (const std::string& text : invocation.arguments.values("input")) {
    const auto [name, mapping] = runtime::parse_input_mapping(text);
    if (!given.insert(name).second)
      throw base::Error(base::ErrorKind::usage,
                        "option --input is given more than once for " + base::quoted(name),
                        "join the keys by commas; " + help_hint(invocation.command));
    replace_keys(mappings[name], mapping);
  }
  return mappings;
}

std::string wished_task(const Config& config) {
  const std::string task = config.text("verify.task");
  return task == "auto" ? std::string() : task;
}

void check_standard_input(std::string_view command, const std::vector<std::string>& files) {
  if (std::count(files.begin(), files.end(), "-") > 1)
    throw base::Error(base::ErrorKind::usage, "only one of the files can be standard input",
                      help_hint(command));
}

}  // namespace tt::cli
