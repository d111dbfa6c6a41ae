#include <charconv>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/text.h"
#include "base/utf8.h"
#include "base/zstd_frame.h"
#include "container/format_limits.h"
#include "container/manifest_text.h"

namespace tt::container {
namespace {

using base::Json;
using base::JsonArray;

std::string label(const std::string& name) {
  return base::is_utf8(name) ? name : base::printable(name, std::numeric_limits<std::size_t>::max());
}

Json location_of(const std::string& location) {
  if (base::is_utf8(location)) return location;
  throw base::Error(base::ErrorKind::unsupported,
                    "external data location " + base::quoted(location) + " is not UTF-8",
                    "rename the external data file");
}

// The double whose shortest text is the shortest text of the float.
Json shortest(float value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  double result = std::numeric_limits<double>::infinity();
  if (std::isfinite(value)) std::from_chars(text, end, result);
  return result;
}

template <typename Items, typename Function>
Json column(const Items& items, Function&& value) {
  JsonArray array;
  array.reserve(items.size());
  for (const auto& item : items) array.push_back(value(item));
  return array;
}

struct PieceColumns {
  std::vector<std::uint64_t> literals, steps, varint_weights, varint_sizes;
};

PieceColumns piece_columns(const Manifest& manifest) {
  PieceColumns columns;
  const std::uint64_t count = manifest.weights.size();
  std::vector<bool> varint(count, false);
  std::uint64_t next = 0;
  for (const model::SkeletonFile& file : manifest.files) {
    for (const model::Piece& piece : file.pieces) {
      columns.literals.push_back(piece.literal);
      if (piece.weight == model::kNoWeight) {
        columns.steps.push_back(count);
        continue;
      }
      if (piece.weight >= count)
        throw base::Error(base::ErrorKind::internal, "a piece of the skeleton names an unknown weight");
      columns.steps.push_back((piece.weight + count - next) % count);
      next = piece.weight + 1;
      if (piece.form == model::PayloadForm::varint16) varint[piece.weight] = true;
    }
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    if (!varint[i]) continue;
    columns.varint_weights.push_back(i);
    columns.varint_sizes.push_back(manifest.weights[i].target_size);
  }
  return columns;
}

Json coded_sizes(const StoredCores& cores) {
  std::vector<std::uint64_t> sizes;
  for (const auto& weight : cores) {
    for (const StoredCore& core : weight) {
      if (!core.layout.dtype) sizes.push_back(core.size);
    }
  }
  return Json::of(sizes);
}

Json to_json(const Manifest& manifest, const StoredCores& cores, std::uint64_t typed) {
  const auto& weights = manifest.weights;
  const PieceColumns pieces = piece_columns(manifest);
  base::JsonObject json;
  const auto put = [&json](const char* key, Json value) { json.emplace_back(key, std::move(value)); };
  put("tool", manifest.tool_version);
  put("source_format", manifest.source_format == model::FileFormat::onnx ? "onnx" : "safetensors");
  put("exact", manifest.exact);
  put("seed", manifest.seed);
  put("options", manifest.options.is_null() ? Json(base::JsonObject{}) : manifest.options);
  put("cpu", manifest.cpu);
  put("source_locations",
      column(manifest.sources, [](const SourceEntry& s) { return location_of(s.location); }));
  put("source_bytes", column(manifest.sources, [](const SourceEntry& s) { return Json(s.bytes); }));
  put("literal_bytes", manifest.literal_bytes);
  put("file_locations",
      column(manifest.files, [](const model::SkeletonFile& f) { return location_of(f.location); }));
  put("file_pieces", column(manifest.files, [](const model::SkeletonFile& f) {
        return Json(std::uint64_t{f.pieces.size()});
      }));
  put("literals", Json::of(pieces.literals));
  put("steps", Json::of(pieces.steps));
  put("varint_weights", Json::of(pieces.varint_weights));
  put("varint_sizes", Json::of(pieces.varint_sizes));
  put("typed", typed);
  put("names", column(weights, [](const WeightEntry& w) { return Json(label(w.name)); }));
  put("roles", column(weights, [](const WeightEntry& w) { return Json(model::role_name(w.role)); }));
  put("dtypes",
      column(weights, [](const WeightEntry& w) { return Json(tensor::dtype_name(w.layout.dtype)); }));
  put("shapes", column(weights, [](const WeightEntry& w) { return Json::of(w.layout.shape); }));
  put("rows", column(weights, [](const WeightEntry& w) { return Json(w.layout.rows); }));
  put("encodings", column(weights, [](const WeightEntry& w) { return Json(codec::spec_of(w.encoding)); }));
  put("core_sizes", coded_sizes(cores));
  put("predicted_errors", column(weights, [](const WeightEntry& w) { return shortest(w.predicted_error); }));
  put("measured_errors", column(weights, [](const WeightEntry& w) { return shortest(w.measured_error); }));
  return json;
}

void append(base::Bytes& out, base::ByteView bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace

base::Bytes pack_manifest(const Manifest& manifest, const StoredCores& cores, std::uint64_t typed) {
  constexpr int kLevel = 19;
  const std::string text = to_json(manifest, cores, typed).dump();
  const base::Bytes frame = base::zstd_compress(base::view_of(text), kLevel);
  base::Bytes out;
  const std::uint64_t hashes = 1 + manifest.sources.size() + manifest.weights.size();
  if (manifest.weights.size() > kMaxWeights || text.size() > kMaxManifestJson + 1024 * hashes ||
      frame.size() > kMaxStoredManifest / 2) {
    throw base::Error(base::ErrorKind::resource_limit,
                      "the manifest of " + std::to_string(manifest.weights.size()) + " weights is " +
                          std::to_string(text.size()) + " bytes long, more than a .tt file may have",
                      "leave weights out with --min-size");
  }
  base::append_le(out, static_cast<std::uint32_t>(text.size()));
  base::append_le(out, static_cast<std::uint32_t>(frame.size()));
  append(out, frame);
  append(out, manifest.skeleton_sha256);
  for (const SourceEntry& source : manifest.sources) append(out, source.sha256);
  for (const WeightEntry& weight : manifest.weights) append(out, weight.sha256);
  return out;
}

}  // namespace tt::container
