// What the figures of a sweep depend on beside the setting of each point.
#include <algorithm>
#include <filesystem>

#include "base/input_file.h"
#include "base/sha256.h"
#include "model/model.h"
#include "pipeline/plan_file.h"
#include "pipeline/sweep_checkpoint.h"

namespace tt::pipeline {
namespace {

using base::Json;
using base::JsonArray;
using base::JsonObject;
namespace fs = std::filesystem;

std::string hash_of(const std::string& path) {
  return base::hex(base::sha256_file(base::InputFile::open(path)));
}

// Of a file, FILE:NAME, or everything in a folder, in the order of its names; null without a path.
Json content_of(const std::string& path) {
  if (path.empty()) return {};
  const std::size_t colon = path.rfind(':');
  if (!fs::exists(path) && colon != std::string::npos && fs::exists(path.substr(0, colon)))
    return Json(hash_of(path.substr(0, colon)) + path.substr(colon));
  if (!fs::is_directory(path)) return Json(hash_of(path));
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry :
       fs::recursive_directory_iterator(path, fs::directory_options::skip_permission_denied))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  JsonArray contents;
  for (const fs::path& file : files)
    contents.emplace_back(fs::relative(file, path).string() + " " + hash_of(file.string()));
  return Json(std::move(contents));
}

Json model_content(const CompressOptions& options) {
  JsonArray files;
  const model::Model model = model::Model::open(options.input, {.allow_symlinks = options.allow_symlinks});
  for (const model::SourceFile& file : model.files())
    files.emplace_back(base::hex(base::sha256_file(file.file)));
  return Json(std::move(files));
}

Json inputs_json(const runtime::InputMappings& inputs) {
  const auto number = [](const std::optional<double>& value) { return value ? Json(*value) : Json(); };
  JsonObject object;
  for (const auto& [name, mapping] : inputs)
    object.emplace_back(name, Json(JsonArray{number(mapping.scale), number(mapping.mean), number(mapping.std),
                                             Json::of(mapping.shape), Json(mapping.reshaped)}));
  return Json(std::move(object));
}

}  // namespace

Json sweep_identity(const SweepOptions& options) {
  CompressOptions compress = options.compress;
  compress.target_ratio.reset();
  compress.target_bytes.reset();
  return Json(JsonObject{{"tool_version", Json(TT_VERSION)},
                         {"model", model_content(options.compress)},
                         {"data", content_of(options.verify.data)},
                         {"labels", content_of(options.verify.labels)},
                         {"calib", content_of(options.compress.limits.calib)},
                         {"inputs", inputs_json(options.verify.inputs)},
                         {"mask_input", Json(options.verify.mask_input)},
                         {"task", Json(options.verify.task)},
                         {"seed", Json(options.compress.seed)},
                         {"latency", Json(options.latency)},
                         {"options", options_json(compress, false)}});
}

}  // namespace tt::pipeline
