#include "runtime/calibration_manifest.h"

#include <algorithm>
#include <cmath>

#include "base/checked.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "base/zstd_frame.h"
#include "runtime/array_names.h"

namespace tt::runtime {
namespace {

using base::Error;
using base::ErrorKind;
using base::Json;
using base::JsonArray;
using base::JsonObject;

constexpr std::uint64_t kMaxStored = 16u << 20, kMaxJson = 25'000'000;
constexpr std::uint64_t kMaxEntries = 1u << 18, kMaxProbes = 4096, kMaxHeldArrays = 4096;
constexpr std::uint64_t kMaxSum = std::uint64_t{4} << 30, kFreeSum = 64u << 20, kMaxRatio = 1024;
constexpr InputKind kKinds[] = {InputKind::rows,     InputKind::columns, InputKind::patches, InputKind::channels,
                                InputKind::energies, InputKind::tokens,  InputKind::hidden};
constexpr std::string_view kCodings[] = {"none", "raw", "zstd"};

bool is_vector(InputKind kind) {
  return kind == InputKind::energies || kind == InputKind::tokens;
}

Json digests_json(const std::vector<base::Sha256>& digests) {
  JsonArray array;
  for (const base::Sha256& digest : digests) array.emplace_back(base::hex(digest));
  return Json(std::move(array));
}

Json input_json(const InputInfo& input, const StoredSum& sum) {
  return Json(JsonObject{{"kind", Json(input_kind_name(input.kind))},
                         {"value", Json(input.value)},
                         {"layer", Json(input.layer)},
                         {"size", Json(input.size)},
                         {"rows", Json(input.rows)},
                         {"effective_rank", Json(input.effective_rank)},
                         {"blocks", Json(sum.blocks)},
                         {"coding", Json(kCodings[static_cast<std::size_t>(sum.coding)])},
                         {"bytes", Json(sum.bytes)},
                         {"sha256", Json(base::hex(sum.sha256))}});
}

Json weight_json(const WeightInfo& weight) {
  return Json(JsonObject{{"name", Json(weight.name)},
                         {"role", Json(weight.role)},
                         {"shape", Json::of(weight.shape)},
                         {"rows", Json(weight.rows)},
                         {"cols", Json(weight.cols)},
                         {"inputs", Json::of(weight.inputs)},
                         {"axis", Json(std::uint64_t{weight.axis})},
                         {"group", Json(weight.group)},
                         {"note", Json(weight.note)}});
}

Json doubles_json(const std::vector<double>& values) {
  JsonArray array;
  for (const double value : values) array.emplace_back(value);
  return Json(std::move(array));
}

Json probe_json(const Probe& probe) {
  return Json(JsonObject{{"samples", Json(probe.samples)},
                         {"seed", Json(probe.seed)},
                         {"measure", Json(probe.measure)},
                         {"damage", doubles_json(probe.damage)},
                         {"error", doubles_json(probe.error)}});
}

Json array_json(const NamedArray& entry) {
  return Json(JsonObject{{"name", Json(entry.name)},
                         {"dtype", Json(safetensors_type(entry.array.type))},
                         {"shape", Json::of(entry.array.shape)}});
}

Json part_json(const std::optional<CalibrationPart>& part) {
  if (!part) return Json();
  return Json(JsonObject{{"group", Json(part->group)},
                         {"block", Json(part->block)},
                         {"weight", Json(part->weight)},
                         {"summed", Json(part->summed)},
                         {"key", Json(base::hex(part->key))}});
}

template <typename T, typename F>
Json array_of(const std::vector<T>& values, F&& f) {
  JsonArray array;
  for (const T& value : values) array.push_back(f(value));
  return Json(std::move(array));
}

// Reads one object whose keys must be known, and all of them.
class Object {
 public:
  Object(const Json& json, std::string what, std::size_t keys) : json_(json), what_(std::move(what)) {
    if (json.as_object(what_).size() != keys) fail("has unknown or missing keys");
  }
  const Json& at(const char* key) const { return json_.at(key, what_); }
  std::uint64_t number(const char* key, std::uint64_t most = UINT64_MAX) const {
    const std::uint64_t value = at(key).as_uint(name(key));
    if (value > most) fail(std::string(key) + " is " + std::to_string(value));
    return value;
  }
  double real(const char* key) const {
    const double value = at(key).as_double(name(key));
    if (!(value >= 0) || !std::isfinite(value)) fail(std::string(key) + " is no finite number from 0");
    return value;
  }
  std::string text(const char* key) const { return at(key).as_string(name(key)); }
  std::vector<std::uint64_t> numbers(const char* key) const { return at(key).as_uints(name(key)); }
  const JsonArray& array(const char* key, std::uint64_t most) const {
    const JsonArray& values = at(key).as_array(name(key));
    if (values.size() > most) fail(std::string(key) + " has " + std::to_string(values.size()) + " elements");
    return values;
  }
  base::Sha256 digest(const char* key) const { return base::parse_sha256(text(key)); }
  std::vector<base::Sha256> digests(const char* key, std::uint64_t most) const {
    std::vector<base::Sha256> result;
    for (const Json& value : array(key, most)) result.push_back(base::parse_sha256(value.as_string(name(key))));
    if (std::adjacent_find(result.begin(), result.end(), std::greater_equal<>()) != result.end())
      fail(std::string(key) + " do not ascend");
    return result;
  }
  [[noreturn]] void fail(const std::string& why) const { throw Error(ErrorKind::bad_data, what_ + ": " + why); }

 private:
  std::string name(const char* key) const { return what_ + ", " + key; }

  const Json& json_;
  std::string what_;
};

template <typename Table>
std::size_t place_in(const Table& table, const std::string& text, const Object& object) {
  for (std::size_t i = 0; i < std::size(table); ++i) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(table[0])>, InputKind>) {
      if (input_kind_name(table[i]) == text) return i;
    } else if (table[i] == text) {
      return i;
    }
  }
  object.fail(base::quoted(text) + " is not known");
}

void check_sum(const InputInfo& input, const StoredSum& sum, const Object& object) {
  const bool none = sum.coding == SumCoding::none;
  if (none != (sum.bytes == 0) || none != (sum.blocks == 0) || sum.blocks > kMaxSummedBlocks ||
      (none && input.rows > 0))
    object.fail("its sum contradicts itself");
  const std::uint64_t content = none ? 0 : sum_content_size(input);
  if (sum.coding == SumCoding::raw && sum.bytes != content) object.fail("its sum has another size");
  if (sum.coding == SumCoding::zstd && content > kFreeSum && content / kMaxRatio > sum.bytes)
    throw Error(ErrorKind::resource_limit,
                "a sum of " + std::to_string(content) + " bytes is claimed by " + std::to_string(sum.bytes));
}

void parse_input(const Json& json, std::size_t index, CalibrationManifest& manifest) {
  const Object object(json, "inputs[" + std::to_string(index) + "]", 10);
  InputInfo input;
  input.kind = kKinds[place_in(kKinds, object.text("kind"), object)];
  input.value = object.text("value");
  input.layer = object.text("layer");
  input.size = object.number("size", std::uint64_t{1} << 40);
  input.rows = object.number("rows", std::uint64_t{1} << 53);
  input.effective_rank = object.real("effective_rank");
  StoredSum sum;
  sum.coding = static_cast<SumCoding>(place_in(kCodings, object.text("coding"), object));
  sum.blocks = object.number("blocks");
  sum.bytes = object.number("bytes", kMaxSum);
  sum.sha256 = object.digest("sha256");
  check_sum(input, sum, object);
  manifest.info.inputs.push_back(std::move(input));
  manifest.sums.push_back(sum);
}

void check_weight(const WeightInfo& weight, const CalibrationInfo& info, const Object& object) {
  const std::uint64_t size = weight.axis == 0 ? weight.rows : weight.cols;
  if (base::checked_product(weight.shape, "shape") != base::checked_mul(weight.rows, weight.cols, "view"))
    object.fail("its shape and its view differ in size");
  if (weight.group == 0 || (size > 0 && size % weight.group != 0)) object.fail("its groups do not divide it");
  for (const std::uint64_t input : weight.inputs) {
    if (input >= info.inputs.size()) object.fail("there is no input " + std::to_string(input));
    const InputInfo &one = info.inputs[input], &first = info.inputs[weight.inputs[0]];
    if (one.size != size || is_vector(one.kind) != is_vector(first.kind))
      object.fail("input " + std::to_string(input) + " does not fit it");
  }
}

WeightInfo parse_weight(const Json& json, std::size_t index, const CalibrationInfo& info) {
  const Object object(json, "weights[" + std::to_string(index) + "]", 9);
  WeightInfo weight;
  weight.name = object.text("name");
  weight.role = object.text("role");
  weight.shape = object.numbers("shape");
  weight.rows = object.number("rows");
  weight.cols = object.number("cols");
  weight.inputs = object.numbers("inputs");
  weight.axis = static_cast<unsigned>(object.number("axis", 1));
  weight.group = object.number("group");
  weight.note = object.text("note");
  check_weight(weight, info, object);
  return weight;
}

std::vector<double> parse_doubles(const Object& object, const char* key, std::size_t count, double least) {
  std::vector<double> values;
  for (const Json& json : object.array(key, count)) {
    values.push_back(json.as_double(key));
    if (!std::isfinite(values.back()) || values.back() < least)
      object.fail(std::string(key) + " holds a number out of range");
  }
  if (values.size() != count) object.fail(std::string(key) + " are not one for each weight");
  return values;
}

Probe parse_probe(const Json& json, std::size_t index, std::size_t weights) {
  const Object object(json, "probes[" + std::to_string(index) + "]", 5);
  Probe probe;
  probe.samples = object.number("samples", std::uint64_t{1} << 53);
  probe.seed = object.number("seed");
  probe.measure = object.text("measure");
  if (probe.measure != "kl" && probe.measure != "cosine" && probe.measure != "relative")
    object.fail("its measure is not known");
  probe.damage = parse_doubles(object, "damage", weights, -1);
  probe.error = parse_doubles(object, "error", weights, 0);
  return probe;
}

NamedArray parse_array(const Json& json, std::size_t index, std::uint64_t samples) {
  const Object object(json, "samples_arrays[" + std::to_string(index) + "]", 3);
  NamedArray entry{object.text("name"), {}};
  const std::optional<ElementType> type = type_of_safetensors(object.text("dtype"));
  if (!type) object.fail("its dtype is not known");
  entry.array.type = *type;
  entry.array.shape = object.numbers("shape");
  data_size(*type, entry.array.shape, "sample array");
  if (!entry.array.shape.empty() && entry.array.shape[0] != samples) object.fail("it has another number of samples");
  return entry;
}

std::optional<CalibrationPart> parse_part(const Json& json) {
  if (json.is_null()) return std::nullopt;
  const Object object(json, "part", 5);
  CalibrationPart part;
  part.group = object.number("group", kMaxEntries);
  part.block = object.number("block", kMaxSummedBlocks);
  part.weight = object.number("weight", kMaxEntries);
  part.summed = object.at("summed").as_bool("part, summed");
  part.key = object.digest("key");
  return part;
}

CalibrationManifest parse_json_text(std::string_view text) {
  const Json json = base::parse_json(text, "JSON", {kMaxJson, 8, 2'000'000});
  const Object object(json, "JSON", 12);
  CalibrationManifest manifest;
  CalibrationInfo& info = manifest.info;
  info.tool_version = object.text("tool");
  info.model = object.digest("model");
  info.samples = object.number("samples", std::uint64_t{1} << 53);
  info.blocks = object.digests("blocks", kMaxSummedBlocks);
  info.seed = object.number("seed");
  info.mask_input = object.text("mask_input");
  std::size_t index = 0;
  for (const Json& input : object.array("inputs", kMaxEntries)) parse_input(input, index++, manifest);
  index = 0;
  for (const Json& weight : object.array("weights", kMaxEntries))
    info.weights.push_back(parse_weight(weight, index++, info));
  index = 0;
  for (const Json& probe : object.array("probes", kMaxProbes))
    info.probes.push_back(parse_probe(probe, index++, info.weights.size()));
  info.held_out = object.digests("held_out", kMaxHeldOut);
  index = 0;
  for (const Json& array : object.array("samples_arrays", info.held_out.empty() ? 0 : kMaxHeldArrays))
    manifest.arrays.push_back(parse_array(array, index++, info.held_out.size()));
  info.part = parse_part(object.at("part"));
  return manifest;
}

[[noreturn]] void too_large(const std::string& what, std::uint64_t bytes, std::uint64_t most) {
  throw Error(ErrorKind::resource_limit,
              what + " has " + std::to_string(bytes) + " bytes, at most " + std::to_string(most) + " are read");
}

}  // namespace

std::uint64_t sum_content_size(const InputInfo& input) {
  const bool vector = is_vector(input.kind);
  const std::uint64_t axes = input.size + (vector ? 0 : 1);
  // More axes than this are more than 4 GiB, and would overflow below.
  if (axes > kMaxSum / 2) too_large("a sum", axes * 2, kMaxSum);
  const std::uint64_t entries = vector ? axes : base::checked_mul(axes, axes + 1, "a sum") / 2;
  const std::uint64_t size =
      base::checked_add(2 * axes, base::checked_mul(entries, 16, "a sum"), "a sum");
  if (size > kMaxSum) too_large("a sum", size, kMaxSum);
  return size;
}

base::Bytes pack_calibration_manifest(const CalibrationManifest& manifest) {
  const CalibrationInfo& info = manifest.info;
  JsonArray inputs;
  for (std::size_t i = 0; i < info.inputs.size(); ++i)
    inputs.push_back(input_json(info.inputs[i], manifest.sums[i]));
  const Json json(JsonObject{{"tool", Json(info.tool_version)},
                             {"model", Json(base::hex(info.model))},
                             {"samples", Json(info.samples)},
                             {"blocks", digests_json(info.blocks)},
                             {"seed", Json(info.seed)},
                             {"mask_input", Json(info.mask_input)},
                             {"inputs", Json(std::move(inputs))},
                             {"weights", array_of(info.weights, weight_json)},
                             {"probes", array_of(info.probes, probe_json)},
                             {"held_out", digests_json(info.held_out)},
                             {"samples_arrays", array_of(manifest.arrays, array_json)},
                             {"part", part_json(info.part)}});
  const std::string text = json.dump();
  if (text.size() > kMaxJson) too_large("the description of the calibration", text.size(), kMaxJson);
  base::Bytes bytes;
  base::append_le(bytes, static_cast<std::uint32_t>(text.size()));
  const base::Bytes frame = base::zstd_compress(base::view_of(text), 9);
  bytes.insert(bytes.end(), frame.begin(), frame.end());
  if (bytes.size() > kMaxStored) too_large("the description of the calibration", bytes.size(), kMaxStored);
  return bytes;
}

CalibrationManifest parse_calibration_manifest(base::ByteView bytes, const std::string& where) {
  try {
    if (bytes.size() > kMaxStored) too_large("it", bytes.size(), kMaxStored);
    if (bytes.size() < 4) throw Error(ErrorKind::bad_data, "cut off");
    const std::uint64_t size = base::load_le<std::uint32_t>(bytes.data());
    if (size > kMaxJson) too_large("it", size, kMaxJson);
    const base::Bytes text = base::zstd_decompress(bytes.subspan(4), size);
    return parse_json_text(base::text_of(text));
  } catch (const Error& error) {
    const bool limit = error.kind() == ErrorKind::resource_limit;
    throw Error(limit ? ErrorKind::resource_limit : ErrorKind::corrupt, where + ": " + error.what(),
                error.hint().empty() ? "calibrate the model again" : error.hint());
  }
}

}  // namespace tt::runtime
