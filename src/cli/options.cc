#include "cli/options.h"

#include <boost/program_options.hpp>

#include "base/error.h"
#include "base/text.h"

namespace tt::cli {
namespace {

namespace po = boost::program_options;
using base::Error;
using base::ErrorKind;

po::options_description describe(const std::vector<OptionSpec>& specs) {
  po::options_description description;
  for (const OptionSpec& spec : specs) {
    std::string names(spec.name);
    if (spec.letter != 0) names += std::string(",") + spec.letter;
    if (spec.value.empty())
      description.add_options()(names.c_str(), po::bool_switch());
    else
      description.add_options()(names.c_str(), po::value<std::string>());
  }
  return description;
}

[[noreturn]] void throw_unknown(std::string_view command, const std::vector<OptionSpec>& specs,
                                const std::string& option) {
  std::vector<std::string> known;
  for (const OptionSpec& spec : specs) known.push_back("--" + std::string(spec.name));
  const std::optional<std::string> close = base::closest(option, known);
  const std::string where = command.empty() ? "" : " for tt " + std::string(command);
  throw Error(ErrorKind::usage, "unknown option " + base::quoted(option) + where,
              (close ? "did you mean " + *close + "? " : "") + help_hint(command));
}

[[noreturn]] void throw_syntax(std::string_view command, const po::invalid_command_line_syntax& error) {
  using Kind = po::invalid_syntax::kind_t;
  const std::string option = "option " + error.get_option_name();
  const bool unwanted = error.kind() == Kind::extra_parameter;
  throw Error(ErrorKind::usage, option + (unwanted ? " takes no value" : " needs a value"),
              help_hint(command));
}

std::vector<po::option> parse_tokens(std::string_view command, const std::vector<OptionSpec>& specs,
                                     const std::vector<std::string>& arguments) {
  namespace style = po::command_line_style;
  const po::options_description description = describe(specs);
  try {
    return po::command_line_parser(arguments)
        .options(description)
        .style(style::unix_style & ~style::allow_guessing)
        .run()
        .options;
  } catch (const po::unknown_option& error) {
    throw_unknown(command, specs, error.get_option_name());
  } catch (const po::invalid_command_line_syntax& error) {
    throw_syntax(command, error);
  } catch (const po::error& error) {
    throw Error(ErrorKind::usage, base::printable(error.what()), help_hint(command));
  }
}

const OptionSpec* find_spec(const std::vector<OptionSpec>& specs, std::string_view name) {
  for (const OptionSpec& spec : specs)
    if (spec.name == name) return &spec;
  return nullptr;
}

// "--epsilon --lossless": the next option is not meant as the value ("--epsilon=--lossless" would be).
bool swallowed_option(const std::vector<OptionSpec>& specs, const po::option& token) {
  if (token.original_tokens.size() < 2 || token.value.empty()) return false;
  const std::string& value = token.value.front();
  return value.starts_with("--") && find_spec(specs, std::string_view(value).substr(2, value.find('=') - 2));
}

}  // namespace

const std::string* Arguments::value(std::string_view option) const {
  const auto found = values_.find(option);
  return found == values_.end() || found->second.empty() ? nullptr : &found->second.front();
}

std::string Arguments::text(std::string_view option, std::string_view fallback) const {
  const std::string* given = value(option);
  return given ? *given : std::string(fallback);
}

const std::vector<std::string>& Arguments::values(std::string_view option) const {
  static const std::vector<std::string> kNone;
  const auto found = values_.find(option);
  return found == values_.end() ? kNone : found->second;
}

Arguments parse_arguments(std::string_view command, const std::vector<OptionSpec>& specs,
                          const std::vector<std::string>& arguments) {
  Arguments result;
  for (const po::option& token : parse_tokens(command, specs, arguments)) {
    if (token.string_key.empty()) {
      result.positional_.insert(result.positional_.end(), token.value.begin(), token.value.end());
      continue;
    }
    const std::string name = "option --" + token.string_key;
    std::vector<std::string>& values = result.values_[token.string_key];
    const OptionSpec* spec = find_spec(specs, token.string_key);
    if (swallowed_option(specs, token))
      throw Error(ErrorKind::usage, name + " needs a value", help_hint(command));
    if (spec->value.empty()) continue;  // a switch: twice is once
    if (token.value.empty() || token.value.front().empty())
      throw Error(ErrorKind::usage, name + " needs a value that is not empty", help_hint(command));
    if (!values.empty() && !spec->repeatable)
      throw Error(ErrorKind::usage, name + " is given more than once", help_hint(command));
    values.push_back(token.value.front());
  }
  return result;
}

std::string help_hint(std::string_view command) {
  return command.empty() ? "see 'tt help'" : "see 'tt help " + std::string(command) + "'";
}

}  // namespace tt::cli
