#include "container/header.h"

#include <charconv>

#include "base/json.h"
#include "base/text.h"
#include "container/format_limits.h"
#include "container/manifest.h"

namespace tt::container {
namespace {

using base::Error;
using base::ErrorKind;
using base::Json;

[[noreturn]] void not_tt(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::bad_data, base::quoted(name) + " is not a .tt file: " + why,
              "make one with tt compress MODEL -o OUT.tt");
}

// The length in front and the header's bytes; checks 1 and 2.
std::string read_text(const base::ByteSource& read, std::uint64_t file_size, const std::string& name) {
  if (file_size < 8) not_tt(name, "it has only " + std::to_string(file_size) + " bytes");
  std::uint8_t start[9] = {};
  const std::size_t known = file_size > 8 ? 9 : 8;
  read(0, std::span(start, known));
  const auto length = base::load_le<std::uint64_t>(start);
  if (known == 9 && start[8] != '{') not_tt(name, "its header does not begin with '{'");
  if (length < 2 || length > kMaxHeader)
    not_tt(name, "it claims a header of " + std::to_string(length) + " bytes");
  if (length > file_size - 8) {
    refuse("header of " + base::quoted(name) + ": " + std::to_string(length) +
           " bytes claimed in a file of " + std::to_string(file_size) + " bytes (the file is cut off)");
  }
  std::string text(8 + length, '\0');
  read(0, std::span(reinterpret_cast<std::uint8_t*>(text.data()), text.size()));
  return text;
}

// Version first: whatever else is strange in a newer file, the version is the reason. Checks 4 to 6.
void check_version(const Json& metadata, const std::string& name) {
  const Json* format = metadata.find("tt.format");
  if (!format || !format->is_string()) not_tt(name, "no tt.format in its metadata");
  const std::string& text = format->as_string("tt.format");
  std::uint64_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  const bool number =
      error == std::errc() && end == text.data() + text.size() && version > 0 && text[0] != '0';
  if (!number)
    refuse("header of " + base::quoted(name) + ": format version " + base::quoted(text) + " is not a number");
  if (version > kFormatVersion) {
    throw Error(ErrorKind::unsupported,
                base::quoted(name) + " has format version " + text + ", this tt reads up to " +
                    std::to_string(kFormatVersion),
                "use a newer tt");
  }
}

void check_reserved(std::string_view key, const std::string& name) {
  if (!key.starts_with("tt.")) return;
  const std::string what = key == "tt.enc"   ? "is encrypted (tt.enc)"
                           : key == "tt.sig" ? "is signed (tt.sig)"
                                             : "uses the reserved name " + base::quoted(key);
  throw Error(ErrorKind::unsupported, base::quoted(name) + " " + what + ", which this tt cannot read",
              "use a newer tt");
}

void check_names(const Json& header, const Json& metadata, const std::string& name) {
  for (const auto& [key, value] : metadata.as_object("__metadata__")) {
    if (key != "tt.format" && key != "tt.tool" && key != "tt.root") check_reserved(key, name);
  }
  for (const auto& [key, value] : header.as_object("header")) {
    if (key != kCoresName && key != kSkeletonName && key != kManifestName) check_reserved(key, name);
  }
}

struct Range {
  std::uint64_t begin = 0, end = 0;
};

// dtype, shape, data_offsets and nothing else.
Range tensor_range(const std::string& key, const Json& value) {
  const std::string what = "tensor " + base::quoted(key);
  if (value.as_object(what).size() != 3) refuse(what + " has unknown keys");
  value.at("dtype", what).as_string(what + ", dtype");
  value.at("shape", what).as_uints(what + ", shape");
  const auto offsets = value.at("data_offsets", what).as_uints(what + ", data_offsets");
  if (offsets.size() != 2 || offsets[0] > offsets[1]) refuse(what + ": data_offsets are not a range");
  return {offsets[0], offsets[1]};
}

struct Places {
  Range skeleton, manifest;
};

// The tensors cover the data in the order of the header: no hole, no overlap, no tail. Check 7.
Places check_cover(const Json& header, std::uint64_t data_size) {
  Places places;
  std::uint64_t end = 0;
  std::string last;
  for (const auto& [key, value] : header.as_object("header")) {
    if (key == "__metadata__") continue;
    const Range range = tensor_range(key, value);
    if (range.begin != end) {
      refuse("tensor " + base::quoted(key) + " begins at " + std::to_string(range.begin) +
             ", the one before it ends at " + std::to_string(end));
    }
    if (range.end > data_size) {
      refuse("tensor " + base::quoted(key) + " ends at " + std::to_string(range.end) + " of " +
             std::to_string(data_size) + " bytes of data (the file is cut off)");
    }
    end = range.end;
    last = key;
    if (key == kSkeletonName) places.skeleton = range;
    if (key == kManifestName) places.manifest = range;
  }
  if (end != data_size) refuse(std::to_string(data_size - end) + " bytes after the last tensor");
  if (last != kManifestName) refuse("tt.manifest is not the last tensor");
  return places;
}

base::Bytes read_manifest(const base::ByteSource& read, std::uint64_t offset, std::uint64_t size,
                          const base::Sha256& root, const std::string& where) {
  if (size > kMaxStoredManifest) {
    throw Error(ErrorKind::resource_limit, where + ": " + std::to_string(size) + " bytes, at most " +
                                               std::to_string(kMaxStoredManifest));
  }
  base::Bytes manifest(size);
  read(offset, manifest);
  if (base::sha256(manifest) != root)
    refuse(where + ": its sha256 is not that of tt.root, the bytes have changed");
  return manifest;
}

}  // namespace

Header read_header(const base::ByteSource& read, std::uint64_t file_size, const std::string& name) {
  Header header;
  header.text = read_text(read, file_size, name);
  const std::string where = "header of " + base::quoted(name);
  const std::string_view text = std::string_view(header.text).substr(8);
  const Json json = as_corrupt(where, [&] {
    return base::parse_json(text, "JSON", {kMaxHeader, 4, 65536 + text.size() / 4});
  });
  const Json* metadata = json.find("__metadata__");
  if (!metadata || !metadata->is_object()) not_tt(name, "no tt.format in its metadata");
  check_version(*metadata, name);
  check_names(json, *metadata, name);
  Places places;
  as_corrupt(where, [&] {
    places = check_cover(json, file_size - header.text.size());
    header.root = base::parse_sha256(metadata->at("tt.root", "metadata").as_string("tt.root"));
  });
  header.skeleton_size = places.skeleton.end - places.skeleton.begin;
  header.manifest = read_manifest(read, header.text.size() + places.manifest.begin,
                                  places.manifest.end - places.manifest.begin, header.root,
                                  "manifest of " + base::quoted(name));
  return header;
}

}  // namespace tt::container
