#include "runtime/calibration_file.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/checked.h"
#include "base/error.h"
#include "base/json.h"
#include "base/parallel.h"
#include "base/text.h"
#include "base/zstd_frame.h"
#include "runtime/array_names.h"
#include "runtime/calibration_manifest.h"
#include "runtime/memory_source.h"
#include "runtime/sum_bytes.h"

namespace tt::runtime {
namespace {

using base::Bytes;
using base::Error;
using base::ErrorKind;

constexpr std::uint64_t kMaxHeader = 8u << 20;
constexpr const char* kManifestName = "ttcal.manifest";

[[noreturn]] void not_calibration(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::bad_data, base::quoted(name) + " is not a .ttcal file: " + why,
              "make one with tt calibrate MODEL samples.npz -o x.ttcal");
}
[[noreturn]] void corrupt(const std::string& where, const std::string& why) {
  throw Error(ErrorKind::corrupt, where + ": " + why, "calibrate the model again");
}

std::string tensor_text(const std::string& name, std::string_view dtype, const tensor::Shape& shape,
                        std::uint64_t begin, std::uint64_t end) {
  std::string text = ",\"" + name + "\":{\"dtype\":\"" + std::string(dtype) + "\",\"shape\":[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? "," : "") + std::to_string(shape[i]);
  return text + "],\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(end) + "]}";
}

// Where everything lies: a function of the manifest, for the writer and the reader.
struct FileLayout {
  std::string header;                        // with its length and padding
  std::vector<std::uint64_t> sums, samples;  // offsets in the file
  std::uint64_t manifest = 0, total = 0;
};

FileLayout layout_of(const CalibrationManifest& manifest, base::ByteView packed) {
  FileLayout layout;
  std::string& text = layout.header;
  text = std::string(8, '\0') + "{\"__metadata__\":{\"ttcal.format\":\"1\",\"ttcal.tool\":\"" +
         manifest.info.tool_version + "\",\"ttcal.root\":\"" + base::hex(base::sha256(packed)) + "\"}";
  std::uint64_t at = 0;
  const auto place = [&](const std::string& name, std::string_view dtype, const tensor::Shape& shape,
                         std::uint64_t size) {
    const std::uint64_t begin = at;
    at = base::checked_add(at, size, "size of the file");
    if (size > 0) text += tensor_text(name, dtype, shape, begin, at);
    return begin;
  };
  for (std::size_t i = 0; i < manifest.sums.size(); ++i)
    layout.sums.push_back(
        place("sum." + std::to_string(i), "U8", {manifest.sums[i].bytes}, manifest.sums[i].bytes));
  for (std::size_t i = 0; i < manifest.arrays.size(); ++i) {
    const Array& array = manifest.arrays[i].array;
    layout.samples.push_back(place("sample." + std::to_string(i), safetensors_type(array.type), array.shape,
                                   data_size(array.type, array.shape, "a held-out sample")));
  }
  layout.manifest = place(kManifestName, "U8", {packed.size()}, packed.size());
  text += '}';
  text.resize((text.size() + 63) / 64 * 64, ' ');
  base::store_le<std::uint64_t>(reinterpret_cast<std::uint8_t*>(text.data()), text.size() - 8);
  for (auto* offsets : {&layout.sums, &layout.samples})
    for (std::uint64_t& offset : *offsets) offset += text.size();
  layout.manifest += text.size();
  layout.total = base::checked_add(at, text.size(), "size of the file");
  return layout;
}

void check_version(const base::Json& header, const std::string& name) {
  const base::Json* metadata = header.find("__metadata__");
  const base::Json* format = metadata ? metadata->find("ttcal.format") : nullptr;
  if (!format || !format->is_string()) not_calibration(name, "no ttcal.format in its metadata");
  const std::string& text = format->as_string("ttcal.format");
  std::uint64_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error != std::errc() || end != text.data() + text.size() || version == 0)
    corrupt("header of " + base::quoted(name), "format version " + base::quoted(text) + " is no number");
  if (version > kCalibrationVersion)
    throw Error(ErrorKind::unsupported,
                base::quoted(name) + " has format version " + text + ", this tt reads up to " +
                    std::to_string(kCalibrationVersion),
                "use a newer tt");
}

std::string read_header(const base::InputFile& file) {
  const std::string where = "header of " + base::quoted(file.name());
  if (file.size() < 9) not_calibration(file.name(), "it has only " + std::to_string(file.size()) + " bytes");
  const Bytes start = file.read_bytes(0, 9);
  const auto length = base::load_le<std::uint64_t>(start.data());
  if (start[8] != '{' || length < 2 || length > kMaxHeader)
    not_calibration(file.name(), "it does not begin with a header");
  if (length > file.size() - 8)
    corrupt(where, std::to_string(length) + " bytes claimed in a file of " + std::to_string(file.size()) +
                       " bytes (the file is cut off)");
  const Bytes bytes = file.read_bytes(0, 8 + length);
  return std::string(base::text_of(bytes));
}

struct OpenFile {
  CalibrationManifest manifest;
  FileLayout layout;
};

OpenFile open_file(const base::InputFile& file) {
  const std::string header = read_header(file), where = "header of " + base::quoted(file.name());
  base::Json json;
  std::uint64_t begin = 0, end = 0;
  base::Sha256 root{};
  try {
    json = base::parse_json(std::string_view(header).substr(8), "JSON", {kMaxHeader, 4, 2'000'000});
  } catch (const Error& error) {
    corrupt(where, error.what());
  }
  check_version(json, file.name());
  try {
    root =
        base::parse_sha256(json.at("__metadata__", "header").at("ttcal.root", "metadata").as_string("root"));
    const auto range =
        json.at(kManifestName, "header").at("data_offsets", kManifestName).as_uints("data_offsets");
    if (range.size() != 2 || range[0] > range[1]) corrupt(where, "its manifest has no range");
    begin = range[0];
    end = range[1];
  } catch (const Error& error) {
    corrupt(where, error.what());
  }
  const std::uint64_t data = file.size() - header.size();
  if (end != data) corrupt(where, "its manifest does not end with the file (the file is cut off)");
  if (end - begin > (16u << 20))
    throw Error(ErrorKind::resource_limit,
                where + ": a manifest of " + std::to_string(end - begin) + " bytes");
  const Bytes packed = file.read_bytes(header.size() + begin, end - begin);
  if (base::sha256(packed) != root)
    corrupt("manifest of " + base::quoted(file.name()), "its bytes have changed");
  OpenFile open;
  open.manifest = parse_calibration_manifest(packed, "manifest of " + base::quoted(file.name()));
  open.layout = layout_of(open.manifest, packed);
  if (open.layout.header != header || open.layout.total != file.size())
    corrupt(where, "not the one that the manifest describes");
  return open;
}

NamedArrays read_samples(const base::InputFile& file, const OpenFile& open) {
  NamedArrays arrays = open.manifest.arrays;
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    Array& array = arrays[i].array;
    array.data = file.read_bytes(open.layout.samples[i], data_size(array.type, array.shape, "a sample"));
  }
  const std::vector<base::Sha256>& digests = open.manifest.info.held_out;
  for (std::size_t row = 0; row < digests.size(); ++row) {
    base::Sha256Hasher hasher;
    for (const NamedArray& entry : arrays) {
      const bool shared = entry.array.shape.empty();
      const std::uint64_t bytes = entry.array.data.size() / (shared ? 1 : digests.size());
      hasher.update(base::ByteView(entry.array.data).subspan(shared ? 0 : row * bytes, bytes));
    }
    if (hasher.finish() != digests[row])
      corrupt("held-out sample " + std::to_string(row) + " of " + base::quoted(file.name()),
              "its bytes have not the sha256 of the manifest");
  }
  return arrays;
}

// Calls allocate(size) once, then write(offset, bytes) for every part of the file.
template <typename Allocate, typename Write>
void lay_down(const CalibrationSums& sums, unsigned threads, const Allocate& allocate, const Write& write) {
  CalibrationManifest manifest{sums.info, std::vector<StoredSum>(sums.sums.size()), {}};
  std::vector<Bytes> stored(sums.sums.size());
  base::parallel_for(stored.size(), threads, [&](std::size_t i) {
    stored[i] = pack_sum(sums.info.inputs[i], sums.sums[i], manifest.sums[i]);
  });
  for (const NamedArray& entry : sums.held_out)
    manifest.arrays.push_back({entry.name, {entry.array.type, entry.array.shape, {}}});
  const Bytes packed = pack_calibration_manifest(manifest);
  const FileLayout layout = layout_of(manifest, packed);
  if (layout.header.size() > kMaxHeader)
    throw Error(ErrorKind::resource_limit, "the model has too many layer inputs for one file");
  allocate(layout.total);
  write(0, base::view_of(layout.header));
  for (std::size_t i = 0; i < stored.size(); ++i)
    if (!stored[i].empty()) write(layout.sums[i], stored[i]);
  for (std::size_t i = 0; i < sums.held_out.size(); ++i)
    if (!sums.held_out[i].array.data.empty()) write(layout.samples[i], sums.held_out[i].array.data);
  write(layout.manifest, packed);
}

}  // namespace

bool is_calibration(const base::InputFile& file) {
  if (file.size() < 9) return false;
  const Bytes start = file.read_bytes(0, std::min<std::uint64_t>(file.size(), 64));
  const std::string_view text = base::text_of(base::ByteView(start).subspan(8));
  return text.starts_with("{\"__metadata__\":{\"ttcal.");
}

void write_calibration(const CalibrationSums& sums, base::OutputFile& out, unsigned threads) {
  lay_down(
      sums, threads, [&](std::uint64_t size) { out.allocate(size); },
      [&](std::uint64_t offset, base::ByteView bytes) { out.write(offset, bytes); });
}

Bytes calibration_bytes(const CalibrationSums& sums, unsigned threads) {
  Bytes file;
  lay_down(
      sums, threads, [&](std::uint64_t size) { file.resize(size); },
      [&](std::uint64_t offset, base::ByteView bytes) {
        std::copy(bytes.begin(), bytes.end(), file.begin() + static_cast<std::ptrdiff_t>(offset));
      });
  return file;
}

CalibrationInfo read_calibration_info(const base::InputFile& file) {
  return open_file(file).manifest.info;
}

CalibrationSums read_calibration(const base::InputFile& file) {
  OpenFile open = open_file(file);
  CalibrationSums sums;
  for (std::size_t i = 0; i < open.manifest.sums.size(); ++i) {
    const StoredSum& stored = open.manifest.sums[i];
    const std::string where = "sum " + std::to_string(i) + " of " + base::quoted(file.name());
    const Bytes bytes = file.read_bytes(open.layout.sums[i], stored.bytes);
    sums.sums.push_back(unpack_sum(open.manifest.info.inputs[i], stored, bytes, where));
  }
  sums.held_out = read_samples(file, open);
  sums.info = std::move(open.manifest.info);
  return sums;
}

Samples held_out_samples(const NamedArrays& held_out, const std::vector<ValueInfo>& inputs,
                         const std::string& name) {
  if (held_out.empty())
    throw Error(ErrorKind::usage, base::quoted(name) + " holds no samples",
                "calibrate without --no-samples, or give samples with --eval");
  ArraySources sources;
  for (const NamedArray& entry : held_out) sources.push_back(std::make_unique<MemorySource>(entry, name));
  return Samples::of(std::move(sources), inputs);
}

}  // namespace tt::runtime
