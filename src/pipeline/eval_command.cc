#include "pipeline/eval_command.h"

#include <charconv>
#include <cmath>
#include <filesystem>

#include "base/command.h"
#include "base/error.h"
#include "base/output_file.h"
#include "base/temporary_folder.h"
#include "base/text.h"
#include "pipeline/output_paths.h"
#include "runtime/image.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;

constexpr std::string_view kBlanks = " \t\r\n\v\f";

void write_file(const std::string& path, base::ByteView bytes) {
  base::OutputFile out = base::OutputFile::create(path);
  out.write(0, bytes);
  out.commit();
}

// Models above 2 GB have files beside them, whose names are checked as those of a container.
void write_model(const model::Model& model, const std::string& path) {
  const runtime::ModelImage image = runtime::image_of(model);
  std::vector<model::SkeletonFile> files(1);
  for (const runtime::DataFile& data : image.data) files.push_back({data.location, {}});
  const std::vector<std::string> paths = output_paths(files, path);
  write_file(paths[0], image.model);
  for (std::size_t i = 0; i < image.data.size(); ++i) write_file(paths[i + 1], image.data[i].bytes);
}

double run_on(const VerifyOptions& options, const std::string& path, const std::string& which) {
  try {
    const std::string output = base::run_command(command_for(options.eval_cmd, path), options.eval_timeout);
    const std::optional<double> figure = figure_of(output);
    if (figure) return *figure;
    throw Error(ErrorKind::bad_data, "the last line of its output is no finite number",
                "print the figure alone on the last line of standard output");
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted || error.kind() == ErrorKind::terminated) throw;
    throw Error(error.kind(), "--eval-cmd on the " + which + ": " + error.what(), error.hint());
  }
}

}  // namespace

std::vector<std::string> command_for(std::string_view text, const std::string& path) {
  std::vector<std::string> words = base::split_command(text);
  bool named = false;
  for (std::string& word : words)
    for (std::size_t at = word.find("{}"); at != std::string::npos; at = word.find("{}", at + path.size())) {
      word.replace(at, 2, path);
      named = true;
    }
  if (!named) words.push_back(path);
  return words;
}

std::optional<double> figure_of(std::string_view output) {
  const std::size_t last = output.find_last_not_of(kBlanks);
  if (last == std::string_view::npos) return std::nullopt;
  output = output.substr(0, last + 1);
  output.remove_prefix(output.find_last_of('\n') + 1);  // npos + 1 is 0
  output.remove_prefix(output.find_first_not_of(kBlanks));
  double value = 0;
  const auto [end, error] = std::from_chars(output.data(), output.data() + output.size(), value);
  if (error != std::errc() || end != output.data() + output.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

EvalResult evaluate(const VerifyOptions& options, const model::Model& original, const model::Model& candidate,
                    base::Progress& progress) {
  const base::TemporaryFolder folder;
  const std::pair<const model::Model*, std::string> models[] = {{&original, "original"},
                                                                {&candidate, "candidate"}};
  double figures[2] = {};
  progress.start("evaluating", 2, 0);
  for (std::size_t i = 0; i < 2; ++i) {
    // A folder each: data files beside the models may have the same names.
    const std::string path = folder.path() + "/" + models[i].second + "/" + models[i].second + ".onnx";
    std::filesystem::create_directory(folder.path() + "/" + models[i].second);
    write_model(*models[i].first, path);
    figures[i] = run_on(options, path, models[i].second);
    progress.step(0);
  }
  progress.done();
  const double drop = options.eval_goal_max ? figures[0] - figures[1] : figures[1] - figures[0];
  return {figures[0], figures[1], drop};
}

}  // namespace tt::pipeline
