#include "cli/report_options.h"

#include "base/error.h"
#include "base/text.h"
#include "cli/html_report.h"
#include "cli/plot.h"
#include "cli/same_file.h"

namespace tt::cli {
namespace {

// `path` as an option's output: a file of its own.
void check_path(std::string_view command, const std::string& option, const std::string& path,
                const std::vector<std::string>& used) {
  if (path == "-")
    throw base::Error(base::ErrorKind::usage, "option --" + option + " needs a file", help_hint(command));
  for (const std::string& other : used)
    if (!other.empty() && (path == other || is_same_file(other, path)))
      throw base::Error(base::ErrorKind::usage,
                        "option --" + option + " " + base::quoted(path) + " is an input or another output",
                        "choose another file; " + help_hint(command));
}

std::optional<base::OutputFile> create(std::string_view command, const std::string& option,
                                       const Arguments& arguments, const std::vector<std::string>& used) {
  const std::string* path = arguments.value(option);
  if (!path) return std::nullopt;
  check_path(command, option, *path, used);
  return base::OutputFile::create(*path);
}

void publish(std::optional<base::OutputFile>& out, const std::string& bytes) {
  out->write(0, base::view_of(bytes));
  out->commit();
}

}  // namespace

std::vector<OptionSpec> report_options() {
  return {{.name = "report", .value = "FILE", .help = "also write an HTML page with charts and tables"},
          {.name = "plot", .value = "FILE", .help = "also draw the main chart, as .svg or .png"}};
}

ReportFiles::ReportFiles(std::string_view command, const Arguments& arguments,
                         const std::vector<std::string>& used)
    : command_(command) {
  const std::string* plot = arguments.value("plot");
  if (plot && *plot != "-" && !plot_format(*plot))
    throw base::Error(base::ErrorKind::usage,
                      "option --plot is " + base::quoted(*plot) + ", but must end in .svg or .png",
                      "give another name; " + help_hint(command));
  page_ = create(command, "report", arguments, used);
  std::vector<std::string> with_page = used;
  with_page.push_back(arguments.text("report"));
  plot_ = create(command, "plot", arguments, with_page);
}

void ReportFiles::write(const base::Json& report) {
  if (page_) publish(page_, report_page(command_, report));
  if (plot_) publish(plot_, draw(plot_of(command_, report), *plot_format(plot_->path())));
}

}  // namespace tt::cli
