#include <algorithm>
#include <limits>
#include <optional>
#include <set>

#include "base/checked.h"
#include "base/text.h"
#include "base/zstd_frame.h"
#include "container/format_limits.h"
#include "container/manifest_text.h"
#include "model/skeleton_writer.h"

namespace tt::container {
namespace {

using base::Error;
using base::ErrorKind;
using base::Json;

// The keys in their one order.
constexpr const char* kKeys[] = {"tool",
                                 "source_format",
                                 "exact",
                                 "seed",
                                 "options",
                                 "cpu",
                                 "source_locations",
                                 "source_bytes",
                                 "literal_bytes",
                                 "file_locations",
                                 "file_pieces",
                                 "literals",
                                 "steps",
                                 "varint_weights",
                                 "varint_sizes",
                                 "typed",
                                 "names",
                                 "roles",
                                 "dtypes",
                                 "shapes",
                                 "rows",
                                 "encodings",
                                 "core_sizes",
                                 "predicted_errors",
                                 "measured_errors"};

struct Parts {
  std::string text;
  std::vector<base::Sha256> hashes;
};

// Lengths first: nothing is decompressed before its claimed size was compared with the limits.
Parts split(base::ByteView stored, const std::string& where) {
  constexpr std::uint64_t kHash = sizeof(base::Sha256);
  if (stored.size() < 8 + kHash) refuse(where + ": cut off");
  const std::uint64_t json = base::load_le<std::uint32_t>(stored.data());
  const std::uint64_t frame = base::load_le<std::uint32_t>(stored.data() + 4);
  if (frame > stored.size() - 8 || (stored.size() - 8 - frame) % kHash != 0)
    refuse(where + ": its lengths do not add up");
  const std::uint64_t hashes = (stored.size() - 8 - frame) / kHash;
  if (json > kMaxManifestJson + 1024 * hashes) {
    throw Error(ErrorKind::resource_limit, where + ": claims " + std::to_string(json) + " bytes for " +
                                               std::to_string(hashes) + " hashes");
  }
  Parts parts;
  parts.text = as_corrupt(where, [&] {
    return std::string(base::text_of(base::zstd_decompress(stored.subspan(8, frame), json)));
  });
  for (std::uint64_t i = 0; i < hashes; ++i) {
    base::Sha256 hash;
    const auto bytes = stored.subspan(8 + frame + i * kHash, kHash);
    std::copy(bytes.begin(), bytes.end(), hash.begin());
    parts.hashes.push_back(hash);
  }
  return parts;
}

void check_keys(const Json& json) {
  const auto& object = json.as_object("manifest");
  std::size_t i = 0;
  for (const char* key : kKeys) {
    if (i >= object.size() || object[i].first != key)
      refuse("key " + base::quoted(key) + " is not at its place");
    ++i;
  }
  if (i != object.size()) refuse("unknown key " + base::quoted(object[i].first));
}

const base::JsonArray& array_of(const Json& json, const char* key) {
  return json.at(key, "manifest").as_array(key);
}

const base::JsonArray& array_of(const Json& json, const char* key, std::size_t size) {
  const auto& array = array_of(json, key);
  if (array.size() != size) {
    refuse(std::string(key) + " has " + std::to_string(array.size()) + " elements, not " +
           std::to_string(size));
  }
  return array;
}

std::string tool_of(const Json& json) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-+";
  const std::string& tool = json.at("tool", "manifest").as_string("tool");
  if (tool.empty() || tool.size() > 32 || tool.find_first_not_of(kAllowed) != tool.npos)
    refuse("tool is not a version");
  return tool;
}

// A relative path that stays below the output's folder.
void check_location(const std::string& location) {
  bool safe = !location.empty() && location.size() <= 4096 && location.find('\0') == location.npos &&
              location[0] != '/' && location.back() != '/';
  const std::string slashed = "/" + location + "/";
  safe = safe && slashed.find("/../") == slashed.npos;
  if (!safe) refuse("location " + base::quoted(location) + " is not a path below the model's folder");
}

// The first is the model file itself, all others differ.
std::vector<std::string> locations_of(const Json& json, const char* key) {
  std::vector<std::string> locations;
  std::set<std::string> seen;
  for (const Json& value : array_of(json, key)) {
    const std::string& location = value.as_string(key);
    if (locations.empty() != location.empty())
      refuse(std::string(key) + ": only the first is the model file");
    if (!locations.empty()) check_location(location);
    if (!seen.insert(location).second)
      refuse(std::string(key) + ": " + base::quoted(location) + " stands twice");
    locations.push_back(location);
  }
  if (locations.empty()) refuse(std::string(key) + " is empty");
  return locations;
}

std::optional<model::Role> role_from(const std::string& name) {
  for (int i = 0; i <= static_cast<int>(model::Role::other); ++i) {
    if (model::role_name(static_cast<model::Role>(i)) == name) return static_cast<model::Role>(i);
  }
  return std::nullopt;
}

float error_from(const Json& value, const char* key) {
  if (value.is_null()) return std::numeric_limits<float>::infinity();
  const double error = value.as_double(key);
  // The shortest text of the largest float32 lies a little above it.
  constexpr double kLargest = std::numeric_limits<float>::max();
  if (!(error >= 0 && error <= kLargest * (1 + 1e-7))) refuse(std::string(key) + " out of range");
  return static_cast<float>(std::min(error, kLargest));
}

// The columns of the weights, side by side.
struct Columns {
  explicit Columns(const Json& json)
      : names(array_of(json, "names")),
        roles(array_of(json, "roles", names.size())),
        dtypes(array_of(json, "dtypes", names.size())),
        shapes(array_of(json, "shapes", names.size())),
        rows(array_of(json, "rows", names.size())),
        encodings(array_of(json, "encodings", names.size())),
        predicted(array_of(json, "predicted_errors", names.size())),
        measured(array_of(json, "measured_errors", names.size())) {}
  const base::JsonArray &names, &roles, &dtypes, &shapes, &rows, &encodings, &predicted, &measured;
};

codec::WeightLayout layout_at(const Columns& columns, std::size_t i) {
  codec::WeightLayout layout;
  const auto dtype = tensor::dtype_from_name(columns.dtypes[i].as_string("dtypes"));
  if (!dtype || tensor::dtype_name(*dtype) != columns.dtypes[i].as_string("dtypes")) refuse("unknown dtype");
  layout.dtype = *dtype;
  layout.shape = columns.shapes[i].as_uints("shapes");
  layout.rows = columns.rows[i].as_uint("rows");
  const std::uint64_t elements = tensor::element_count(layout.shape);
  base::checked_mul(elements, tensor::element_size(*dtype), "size of the weight");
  if (elements == 0) refuse("shape " + tensor::shape_text(layout.shape) + " has no elements");
  if (layout.rows == 0 || elements % layout.rows != 0)
    refuse(std::to_string(layout.rows) + " rows do not divide its elements");
  layout.cols = elements / layout.rows;
  return layout;
}

WeightEntry weight_at(const Columns& columns, std::size_t i) {
  WeightEntry entry;
  entry.name = columns.names[i].as_string("names");
  return as_corrupt("weight " + base::quoted(entry.name), [&] {
    const auto role = role_from(columns.roles[i].as_string("roles"));
    if (!role) refuse("unknown role " + base::quoted(columns.roles[i].as_string("roles")));
    entry.role = *role;
    entry.layout = layout_at(columns, i);
    const std::string& spec = columns.encodings[i].as_string("encodings");
    entry.encoding = codec::parse_spec(spec);
    if (codec::spec_of(entry.encoding) != spec)
      refuse("encoding " + base::quoted(spec) + " is not in its canonical form");
    entry.predicted_error = error_from(columns.predicted[i], "predicted_errors");
    entry.measured_error = error_from(columns.measured[i], "measured_errors");
    entry.target_size = entry.layout.payload_size();
    return entry;
  });
}

void parse_weights(const Json& json, ParsedManifest& out) {
  const Columns columns(json);
  const auto& coded = array_of(json, "core_sizes");
  std::set<std::string> names;
  std::size_t next = 0;
  for (std::size_t i = 0; i < columns.names.size(); ++i) {
    WeightEntry entry = weight_at(columns, i);
    const std::string where = "weight " + base::quoted(entry.name);
    if (!names.insert(entry.name).second) refuse(where + " stands twice");
    auto cores = as_corrupt(where, [&] { return stored_cores(entry.layout, entry.encoding); });
    for (StoredCore& core : cores) {
      if (!core.layout.dtype) {
        if (next == coded.size()) refuse(where + ": size of a coded core is missing");
        core.size = coded[next++].as_uint("core_sizes");
      }
      entry.core_sizes.push_back(core.size);
    }
    out.cores.push_back(std::move(cores));
    out.manifest.weights.push_back(std::move(entry));
  }
  if (next != coded.size()) refuse("more core_sizes than coded cores");
}

void parse_varints(const Json& json, Manifest& manifest, std::vector<bool>& varint) {
  const auto indices = json.at("varint_weights", "manifest").as_uints("varint_weights");
  const auto sizes = json.at("varint_sizes", "manifest").as_uints("varint_sizes");
  if (sizes.size() != indices.size()) refuse("varint_sizes and varint_weights differ in length");
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (indices[i] >= varint.size() || (i > 0 && indices[i] <= indices[i - 1]))
      refuse("varint_weights are not ascending weights");
    WeightEntry& weight = manifest.weights[indices[i]];
    const std::uint64_t elements = weight.layout.elements();
    const bool half = weight.layout.dtype == tensor::DType::f16 || weight.layout.dtype == tensor::DType::bf16;
    if (!half || sizes[i] < elements || sizes[i] / 3 > elements) {
      refuse("weight " + base::quoted(weight.name) + " cannot be " + std::to_string(sizes[i]) +
             " bytes of varints");
    }
    weight.target_size = sizes[i];
    varint[indices[i]] = true;
  }
}

void parse_pieces(const Json& json, Manifest& manifest) {
  const std::uint64_t weights = manifest.weights.size();
  std::vector<bool> varint(weights, false);
  parse_varints(json, manifest, varint);
  const auto locations = locations_of(json, "file_locations");
  const auto& counts = array_of(json, "file_pieces", locations.size());
  const auto& literals = array_of(json, "literals");
  const auto& steps = array_of(json, "steps", literals.size());
  std::uint64_t next = 0;
  std::size_t piece = 0;
  for (std::size_t f = 0; f < locations.size(); ++f) {
    model::SkeletonFile file{locations[f], {}};
    for (std::uint64_t left = counts[f].as_uint("file_pieces"); left > 0; --left, ++piece) {
      if (piece == steps.size()) refuse("more pieces than literals");
      const std::uint64_t step = steps[piece].as_uint("steps");
      if (step > weights) refuse("a piece names an unknown weight");
      model::Piece entry{literals[piece].as_uint("literals"), model::kNoWeight, model::PayloadForm::flat};
      if (step < weights) {
        entry.weight = static_cast<std::uint32_t>((next + step) % weights);
        if (varint[entry.weight]) entry.form = model::PayloadForm::varint16;
        next = entry.weight + 1;
      }
      file.pieces.push_back(entry);
    }
    manifest.files.push_back(std::move(file));
  }
  if (piece != steps.size()) refuse("more literals than pieces");
  if (manifest.exact && manifest.files.size() != manifest.sources.size())
    refuse("exact, but not as many output files as sources");
}

void check_pieces(const Manifest& manifest) {
  std::vector<std::uint64_t> sizes;
  for (const WeightEntry& weight : manifest.weights) sizes.push_back(weight.target_size);
  model::place_pieces(manifest.files, manifest.literal_bytes, sizes);
}

void parse_sources(const Json& json, Manifest& manifest) {
  const auto locations = locations_of(json, "source_locations");
  const auto& bytes = array_of(json, "source_bytes", locations.size());
  for (std::size_t i = 0; i < locations.size(); ++i)
    manifest.sources.push_back({locations[i], bytes[i].as_uint("source_bytes"), {}});
}

void parse_general(const Json& json, Manifest& manifest) {
  manifest.tool_version = tool_of(json);
  const std::string& format = json.at("source_format", "manifest").as_string("source_format");
  if (format != "onnx" && format != "safetensors") refuse("unknown source_format " + base::quoted(format));
  manifest.source_format = format == "onnx" ? model::FileFormat::onnx : model::FileFormat::safetensors;
  manifest.exact = json.at("exact", "manifest").as_bool("exact");
  manifest.seed = json.at("seed", "manifest").as_uint("seed");
  manifest.options = json.at("options", "manifest");
  manifest.options.as_object("options");
  manifest.cpu = json.at("cpu", "manifest").as_string("cpu");
  manifest.literal_bytes = json.at("literal_bytes", "manifest").as_uint("literal_bytes");
}

void assign_hashes(const std::vector<base::Sha256>& hashes, Manifest& manifest) {
  if (hashes.size() != 1 + manifest.sources.size() + manifest.weights.size())
    refuse("it has not one hash for each source and weight");
  std::size_t next = 0;
  manifest.skeleton_sha256 = hashes[next++];
  for (SourceEntry& source : manifest.sources) source.sha256 = hashes[next++];
  for (WeightEntry& weight : manifest.weights) weight.sha256 = hashes[next++];
}

}  // namespace

ParsedManifest parse_manifest(base::ByteView stored, const std::string& where) {
  const Parts parts = split(stored, where);
  if (parts.hashes.size() > kMaxWeights + 65536) {
    throw Error(ErrorKind::resource_limit, where + ": " + std::to_string(parts.hashes.size()) + " hashes");
  }
  return as_corrupt(where, [&] {
    const Json json =
        base::parse_json(parts.text, "JSON", {parts.text.size(), 16, 65536 + 32 * parts.hashes.size()});
    check_keys(json);
    ParsedManifest out;
    parse_general(json, out.manifest);
    parse_sources(json, out.manifest);
    if (array_of(json, "names").size() > kMaxWeights)
      refuse("more than " + std::to_string(kMaxWeights) + " weights");
    parse_weights(json, out);
    parse_pieces(json, out.manifest);
    assign_hashes(parts.hashes, out.manifest);
    check_pieces(out.manifest);
    out.typed = json.at("typed", "manifest").as_uint("typed");
    if (out.typed > eligible_cores(out.cores)) refuse("more typed cores than there can be");
    return out;
  });
}

}  // namespace tt::container
