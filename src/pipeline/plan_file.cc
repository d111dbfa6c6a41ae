#include "pipeline/plan_file.h"

#include <map>

#include "base/error.h"
#include "base/input_file.h"
#include "base/output_file.h"
#include "base/text.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;
using base::Json;
using base::JsonArray;
using base::JsonObject;

constexpr std::uint64_t kMaxPlanBytes = 25'000'000;

Json read_json(const std::string& path) {
  const base::InputFile file = base::InputFile::open(path);
  if (file.size() > kMaxPlanBytes)
    throw Error(ErrorKind::resource_limit, "plan " + base::quoted(path) + " is larger than 25 MB", "");
  const base::Bytes bytes = file.read_bytes(0, file.size());
  return base::parse_json(base::text_of(bytes), "plan " + base::quoted(path));
}

codec::Encoding parse_encoding(const std::string& spec, const std::string& what) {
  try {
    return codec::parse_spec(spec);
  } catch (const Error& error) {
    throw Error(ErrorKind::bad_data, what + ": " + error.what(), error.hint());
  }
}

JsonArray texts(const std::vector<std::string>& values) {
  JsonArray array;
  for (const std::string& value : values) array.emplace_back(value);
  return array;
}

}  // namespace

void write_plan_file(const std::string& path, const std::vector<PlannedWeight>& weights) {
  JsonArray array;
  for (const PlannedWeight& weight : weights)
    array.emplace_back(JsonObject{{"name", weight.name}, {"encoding", weight.spec}});
  const std::string text = Json(JsonObject{{"tt_plan", 1}, {"weights", std::move(array)}}).dump(1) + "\n";
  base::OutputFile out = base::OutputFile::create(path);
  out.write(0, base::view_of(text));
  out.commit();
}

void apply_plan_file(const std::string& path, const model::Model& model, Selection& selection) {
  const std::string what = "plan " + base::quoted(path);
  const Json plan = read_json(path);
  if (plan.find("tt_plan") == nullptr || plan.at("tt_plan", what).as_uint(what) != 1)
    throw Error(ErrorKind::bad_data, what + " is not a plan of this version",
                "write one with tt compress --plan-out");
  std::map<std::string, std::size_t> index;
  for (std::size_t i = 0; i < model.weights().size(); ++i) index[model.weights()[i].name] = i;
  selection.reasons.assign(index.size(), "not in the plan");
  for (plan::PriceOptions& options : selection.options) options.freedom = plan::Freedom::exact;
  for (const Json& item : plan.at("weights", what).as_array(what)) {
    const std::string& name = item.at("name", what).as_string(what);
    const auto found = index.find(name);
    if (found == index.end())
      throw Error(ErrorKind::bad_data,
                  what + " names weight " + base::quoted(name) + ", which the model does not have (or twice)",
                  "use the plan with the model it was made for, and --no-fold if it was made so");
    selection.options[found->second].fixed = parse_encoding(item.at("encoding", what).as_string(what), what);
    selection.reasons[found->second].clear();
    index.erase(found);
  }
}

Json options_json(const CompressOptions& options, bool lossless) {
  JsonObject json;
  if (lossless) {
    json.emplace_back("lossless", true);
    return json;
  }
  if (options.target_ratio) json.emplace_back("target_ratio", *options.target_ratio);
  if (options.target_bytes) json.emplace_back("target_bytes", *options.target_bytes);
  const QualityLimits& limits = options.limits;
  if (limits.max_error) json.emplace_back("max_error", *limits.max_error);
  if (limits.min_quality) json.emplace_back("min_quality", *limits.min_quality);
  if (limits.max_kl) json.emplace_back("max_kl", *limits.max_kl);
  if (limits.max_drop) json.emplace_back("max_drop", *limits.max_drop);
  if (!limits.calib.empty()) json.emplace_back("calibrated", true);
  if (options.effort != Effort::normal)
    json.emplace_back("effort", std::string(terms_of(options.effort).name));
  json.emplace_back("method", options.method);
  if (options.runtime != "any") json.emplace_back("runtime", options.runtime);
  if (options.max_rank) json.emplace_back("max_rank", *options.max_rank);
  if (options.epsilon) json.emplace_back("epsilon", *options.epsilon);
  JsonArray tensors;
  for (const TensorSpec& tensor : options.tensors) tensors.emplace_back(tensor.pattern + "=" + tensor.spec);
  if (!tensors.empty()) json.emplace_back("tensor", std::move(tensors));
  if (!options.include.empty()) json.emplace_back("include", texts(options.include));
  if (!options.exclude.empty()) json.emplace_back("exclude", texts(options.exclude));
  if (!options.preserve.empty()) json.emplace_back("preserve", texts(options.preserve));
  if (!options.fold) json.emplace_back("fold", false);
  if (!options.generate) json.emplace_back("generate", false);
  if (options.min_size != 0) json.emplace_back("min_size", options.min_size);
  if (!options.plan_in.empty()) json.emplace_back("plan", true);
  JsonArray merged;
  for (const MergedParent& parent : options.merged)
    merged.push_back(Json(JsonObject{{"sha256", Json(parent.sha256)}, {"share", Json(parent.share)}}));
  if (!merged.empty()) json.emplace_back("merged", std::move(merged));
  return json;
}

}  // namespace tt::pipeline
