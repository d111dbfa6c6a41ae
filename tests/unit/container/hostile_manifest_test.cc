// Manifests that lie, with hashes and header made to fit: only the checks of the manifest itself can refuse
// them.
#include <doctest/doctest.h>

#include "base/sha256.h"
#include "base/zstd_frame.h"
#include "generated.h"

using namespace tt;
using namespace tt::container;

namespace {

struct Dissected {
  std::string header;  // JSON text, padded
  base::Bytes data;    // cores and skeleton
  std::string json;    // of the manifest
  base::Bytes hashes;
};

Dissected dissect(const base::Bytes& file) {
  const FileSize size = open_bytes(file).size();
  const base::ByteView all(file);
  const base::ByteView manifest = all.last(size.manifest);
  const auto json = base::load_le<std::uint32_t>(manifest.data());
  const auto frame = base::load_le<std::uint32_t>(manifest.data() + 4);
  const auto copy = [](base::ByteView bytes) { return base::Bytes(bytes.begin(), bytes.end()); };
  return {std::string(base::text_of(all.subspan(8, size.header - 8))),
          copy(all.subspan(size.header, size.cores + size.skeleton)),
          std::string(base::text_of(base::zstd_decompress(manifest.subspan(8, frame), json))),
          copy(manifest.subspan(8 + frame))};
}

base::Bytes stored_manifest(const std::string& json, const base::Bytes& hashes, std::uint64_t claimed) {
  const base::Bytes frame = base::zstd_compress(base::view_of(json), 3);
  base::Bytes stored;
  base::append_le(stored, static_cast<std::uint32_t>(claimed));
  base::append_le(stored, static_cast<std::uint32_t>(frame.size()));
  stored.insert(stored.end(), frame.begin(), frame.end());
  stored.insert(stored.end(), hashes.begin(), hashes.end());
  return stored;
}

// The file with another manifest; root and the place of tt.manifest follow.
base::Bytes assemble(const Dissected& parts, const base::Bytes& manifest) {
  std::string header = parts.header.substr(0, parts.header.find(",\"tt.manifest\""));
  const std::string key = "\"tt.root\":\"";
  header.replace(header.find(key) + key.size(), 64, base::hex(base::sha256(manifest)));
  const std::uint64_t begin = parts.data.size();
  header += ",\"tt.manifest\":{\"dtype\":\"U8\",\"shape\":[" + std::to_string(manifest.size()) +
            "],\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(begin + manifest.size()) +
            "]}}";
  while ((8 + header.size()) % 64 != 0) header += ' ';
  base::Bytes file;
  base::append_le<std::uint64_t>(file, header.size());
  file.insert(file.end(), header.begin(), header.end());
  file.insert(file.end(), parts.data.begin(), parts.data.end());
  file.insert(file.end(), manifest.begin(), manifest.end());
  return file;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE_MESSAGE(at != text.npos, from);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("manifests that lie") {
  const Dissected parts = dissect(
      write_bytes({make_weight("w", {4, 8}, "raw"), make_weight("v", {4, 8}, "lowrank,rank=2,dtype=f16"),
                   make_weight("u", {20}, "lossless")}));
  struct Row {
    const char *from, *to, *error;
  };
  const Row rows[] = {
      {"{\"tool\"", "[{\"tool\"", "JSON"},
      {"\"tool\":\"0.1.0\"", "\"tool\":\"0\\\"0\"", "tool is not a version"},
      {"\"tool\"", "\"toll\"", "key 'tool' is not at its place"},
      {"\"seed\":42", "\"seed\":-1", "seed"},
      {"\"seed\":42", "\"seed\":1.5", "seed"},
      {"\"seed\":42", "\"seed\":18446744073709551616", "seed"},
      {"\"exact\":false", "\"exact\":0", "exact"},
      {"\"onnx\"", "\"pickle\"", "unknown source_format 'pickle'"},
      {"\"options\":{", "\"options\":3,\"x\":{", "'cpu' is not at its place"},
      {"\"source_locations\":[\"\"]", "\"source_locations\":[]", "source_locations is empty"},
      {"\"source_locations\":[\"\"]", "\"source_locations\":[\"a\"]", "only the first is the model file"},
      {"\"file_locations\":[\"\"]", "\"file_locations\":[\"\",\"/etc/passwd\"]", "is not a path below"},
      {"\"file_locations\":[\"\"]", "\"file_locations\":[\"\",\"a/../../b\"]", "is not a path below"},
      {"\"file_locations\":[\"\"]", "\"file_locations\":[\"\",\"..\"]", "is not a path below"},
      {"\"file_locations\":[\"\"]", "\"file_locations\":[\"\",\"a\\u0000b\"]", "is not a path below"},
      {"\"file_locations\":[\"\"]", "\"file_locations\":[\"\",\"\"]", "only the first is the model file"},
      {"\"file_locations\":[\"\"]", "\"file_locations\":[\"\",\"a\",\"a\"]", "'a' stands twice"},
      {"\"file_pieces\":[4]", "\"file_pieces\":[5]", "more pieces than literals"},
      {"\"file_pieces\":[4]", "\"file_pieces\":[3]", "more literals than pieces"},
      {"\"file_pieces\":[4]", "\"file_pieces\":[18446744073709551615]", "more pieces than literals"},
      {"\"literal_bytes\":14", "\"literal_bytes\":15", "corrupt: manifest of 'x.tt'"},
      {"\"literals\":[3,3", "\"literals\":[18446744073709551615,3", "corrupt: manifest of 'x.tt'"},
      {"\"steps\":[0,0,0,3]", "\"steps\":[0,0,0,4]", "a piece names an unknown weight"},
      {"\"steps\":[0,0,0,3]", "\"steps\":[0,0,0]", "steps has 3 elements, not 4"},
      {"\"varint_weights\":[],\"varint_sizes\":[]", "\"varint_weights\":[9],\"varint_sizes\":[40]",
       "not ascending weights"},
      {"\"varint_weights\":[],\"varint_sizes\":[]", "\"varint_weights\":[0],\"varint_sizes\":[40]",
       "cannot be 40 bytes of varints"},
      {"\"varint_weights\":[],\"varint_sizes\":[]", "\"varint_weights\":[],\"varint_sizes\":[1]",
       "differ in length"},
      {"\"typed\":0", "\"typed\":1", "more typed cores than there can be"},
      {"\"typed\":0", "\"typed\":18446744073709551615", "more typed cores than there can be"},
      {"\"names\":[\"w\"", "\"names\":[\"v\"", "weight 'v' stands twice"},
      {"\"names\":[\"w\"", "\"names\":[\"w\",\"x\"", "roles has 3 elements, not 4"},
      {"\"dense\"", "\"denser\"", "weight 'w': unknown role 'denser'"},
      {"\"dtypes\":[\"f32\"", "\"dtypes\":[\"F32\"", "weight 'w': unknown dtype"},
      {"\"dtypes\":[\"f32\"", "\"dtypes\":[\"i8\"", "weight 'w': unknown dtype"},
      {"\"shapes\":[[4,8]", "\"shapes\":[[4294967296,4294967296]", "weight 'w'"},
      {"\"shapes\":[[4,8]", "\"shapes\":[[0,8]", "weight 'w': shape 0x8 has no elements"},
      {"\"shapes\":[[4,8]", "\"shapes\":[[4611686018427387904]", "weight 'w'"},
      {"\"shapes\":[[4,8]", "\"shapes\":[[4,9]", "the manifest describes"},
      {"\"rows\":[4", "\"rows\":[3", "weight 'w': 3 rows do not divide its elements"},
      {"\"rows\":[4", "\"rows\":[0", "weight 'w': 0 rows do not divide its elements"},
      {"\"raw\"", "\"zip\"", "weight 'w': unknown encoding 'zip'"},
      {"\"raw\"", "\"f16,mantissa=10\"",
       "weight 'w': encoding 'f16,mantissa=10' is not in its canonical form"},
      {"rank=2,dtype=f16", "dtype=f16", "weight 'v'"},
      {"rank=2", "rank=1000000000", "weight 'v'"},
      {"rank=2", "rank=18446744073709551615", "weight 'v'"},
      {"rank=2,dtype=f16", "dtype=f16,rank=2",
       "weight 'v': encoding 'lowrank,dtype=f16,rank=2' is not in its canonical form"},
      {"\"lowrank,rank=2,dtype=f16\"", "\"tt,modes=4x4,ranks=2,dtype=f16\"", "weight 'v'"},
      {"\"core_sizes\":[", "\"core_sizes\":[1,", "more core_sizes than coded cores"},
      {"\"core_sizes\":[", "\"core_sizes\":[18446744073709551615],\"core_sizes\":[",
       "corrupt: manifest of 'x.tt'"},
      {"\"core_sizes\":[", "\"core_sizes\":[1", "the manifest describes"},
      {"\"predicted_errors\":[0.0125", "\"predicted_errors\":[-1", "out of range"},
      {"\"predicted_errors\":[0.0125", "\"predicted_errors\":[1e300", "out of range"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.from);
    CAPTURE(row.to);
    const std::string json = replaced(parts.json, row.from, row.to);
    const std::string error = error_of(assemble(parts, stored_manifest(json, parts.hashes, json.size())));
    CAPTURE(error);
    CHECK(error.find(row.error) != error.npos);
    CHECK(error.starts_with("corrupt: "));
  }
  CHECK(error_of(assemble(parts, stored_manifest(parts.json, parts.hashes, parts.json.size()))) == "");
}

TEST_CASE("manifests whose lengths lie") {
  const Dissected parts = dissect(write_bytes(every_encoding()));
  const auto error = [&](const std::string& json, const base::Bytes& hashes, std::uint64_t claimed) {
    return error_of(assemble(parts, stored_manifest(json, hashes, claimed)));
  };
  const std::uint64_t size = parts.json.size();
  CHECK(error(parts.json, parts.hashes, size + 1).starts_with("corrupt: manifest of 'x.tt'"));
  CHECK(error(parts.json, parts.hashes, 0xffffffff)
            .starts_with("resource_limit: manifest of 'x.tt': claims 4294967295 bytes"));
  base::Bytes fewer = parts.hashes, more = parts.hashes, odd = parts.hashes;
  fewer.resize(fewer.size() - 32);
  more.resize(more.size() + 32);
  odd.pop_back();
  CHECK(error(parts.json, fewer, size).find("not one hash for each") != std::string::npos);
  CHECK(error(parts.json, more, size).find("not one hash for each") != std::string::npos);
  CHECK(error(parts.json, odd, size).find("lengths do not add up") != std::string::npos);
  CHECK(error_of(assemble(parts, base::Bytes(39, 0))).find("cut off") != std::string::npos);
  CHECK(error_of(assemble(parts, base::Bytes(64, 255))).find("lengths do not add up") != std::string::npos);
}

TEST_CASE("a manifest of millions of values is refused before it takes memory") {
  const Dissected parts = dissect(write_bytes(every_encoding()));
  std::string json = "[";
  while (json.size() < (15u << 20)) json += "0,";
  json += "0]";
  const std::string error = error_of(assemble(parts, stored_manifest(json, parts.hashes, json.size())));
  CHECK(error.starts_with("corrupt: manifest of 'x.tt': JSON is unusable, it has more than"));
}
