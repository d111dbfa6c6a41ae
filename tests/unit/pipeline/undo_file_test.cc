// Undo files: the file before the edit comes back byte for byte, and no patch does anything else.
#include "pipeline/undo_file.h"

#include <doctest/doctest.h>

#include "base/error.h"
#include "base/json.h"
#include "base/sha256.h"
#include "base/temporary_folder.h"
#include "codec/codec.h"

namespace tt::pipeline {
namespace {

constexpr std::uint64_t kHead = 12, kHash = 32;

base::Bytes bytes_of(const std::string& path) {
  const base::InputFile file = base::InputFile::open(path);
  return file.read_bytes(0, file.size());
}

// Two files of three weights that differ in the second one, and the undo file between them.
class Pair {
 public:
  Pair() {
    write("before.tt", 0);
    write("after.tt", 1);
    base::OutputFile out = base::OutputFile::create(path("after.tt.undo"));
    write_undo(container::Container::open(base::InputFile::open(path("before.tt"))),
               base::InputFile::open(path("after.tt")), out);
    out.commit();
    undo = bytes_of(path("after.tt.undo"));
    const auto length = base::load_le<std::uint32_t>(undo.data() + 8);
    text = base::parse_json(base::text_of(base::ByteView(undo).subspan(kHead, length)), "undo");
    literals.assign(undo.begin() + static_cast<std::ptrdiff_t>(kHead + length), undo.end() - kHash);
  }

  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }

  // What the patch makes of the edited file.
  base::Bytes applied(base::Bytes patch, const std::string& to = "after.tt") const {
    base::OutputFile out = base::OutputFile::create(path("back.tt"));
    apply_undo(base::InputFile::from_bytes(std::move(patch), "patch"), base::InputFile::open(path(to)), out);
    return out.reopen().read_bytes(0, out.size());
  }

  // The same patch with another description; `length`: another one of it, as stated.
  base::Bytes made(const base::Json& description, std::optional<std::uint32_t> length = {}) const {
    const std::string json = description.dump();
    base::Bytes patch(undo.begin(), undo.begin() + 8);
    base::append_le(patch, length.value_or(static_cast<std::uint32_t>(json.size())));
    patch.insert(patch.end(), json.begin(), json.end());
    patch.insert(patch.end(), literals.begin(), literals.end());
    const base::Sha256 hash = base::sha256(patch);
    patch.insert(patch.end(), hash.begin(), hash.end());
    return patch;
  }

  base::Json with(const std::string& key, const base::Json& value) const {
    base::JsonObject object = text.as_object("undo");
    for (auto& [name, old] : object)
      if (name == key) old = value;
    return base::Json(std::move(object));
  }
  base::Json with_pieces(std::vector<std::vector<std::uint64_t>> first) const {
    base::JsonArray pieces;
    for (const auto& piece : first) pieces.push_back(base::Json::of(piece));
    for (const base::Json& piece : text.at("pieces", "undo").as_array("pieces")) pieces.push_back(piece);
    return with("pieces", base::Json(std::move(pieces)));
  }

  base::Bytes undo, literals;
  base::Json text;

 private:
  void write(const std::string& name, std::uint8_t seed) {
    std::vector<container::EncodedWeight> weights(3);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      container::WeightEntry& entry = weights[i].entry;
      entry.name = "w" + std::to_string(i);
      entry.layout = {tensor::DType::f32, {16, 64}, 16, 64};
      entry.target_size = entry.layout.payload_size();
      base::Bytes payload(entry.layout.payload_size());
      for (std::size_t b = 0; b < payload.size(); b += 2)
        payload[b] = static_cast<std::uint8_t>(b * (i + 3) + (i == 1 ? seed : 0));
      weights[i].cores =
          codec::codec_for(entry.encoding.format).encode({entry.layout, payload}, entry.encoding);
    }
    container::Manifest manifest;
    manifest.tool_version = TT_VERSION;
    manifest.cpu = "any";
    manifest.sources = {{"", 1, {}}};
    manifest.files = {{"", {{4, 0}, {0, 1}, {0, 2}}}};
    const base::Bytes skeleton = {1, 2, 3, 4};
    std::vector<const container::EncodedWeight*> pointers;
    for (const container::EncodedWeight& weight : weights) pointers.push_back(&weight);
    base::OutputFile out = base::OutputFile::create(path(name));
    container::Writer(manifest, skeleton).write(pointers, out);
    out.commit();
  }

  base::TemporaryFolder folder_;
};

using base::ErrorKind;

void refused(ErrorKind kind, const std::string& words, const std::function<void()>& use) {
  try {
    use();
    FAIL_CHECK("nothing was refused, but should be: " << words);
  } catch (const base::Error& error) {
    CHECK(error.kind() == kind);
    CHECK_MESSAGE(std::string(error.what()).find(words) != std::string::npos, error.what());
  }
}

TEST_CASE("an edit is undone byte for byte, and the patch holds only what changed") {
  const Pair pair;
  CHECK(pair.applied(pair.undo) == bytes_of(pair.path("before.tt")));
  CHECK(pair.applied(pair.made(pair.text)) == bytes_of(pair.path("before.tt")));
  // Of three weights of 4 KiB one is in the patch.
  CHECK(pair.literals.size() > 4096);
  CHECK(pair.literals.size() < 8192);
}

TEST_CASE("a patch cut anywhere, or with a flipped bit, is refused") {
  const Pair pair;
  for (std::size_t size = 0; size < pair.undo.size(); size += 97) {
    const base::Bytes cut(pair.undo.begin(), pair.undo.begin() + static_cast<std::ptrdiff_t>(size));
    refused(size < kHead + kHash ? ErrorKind::bad_data : ErrorKind::corrupt,
            size < kHead + kHash ? "is not an undo file" : "its bytes do not have its sha256",
            [&] { pair.applied(cut); });
  }
  for (std::size_t at = 8; at < pair.undo.size(); at += 61) {
    base::Bytes flipped = pair.undo;
    flipped[at] ^= 0x10;
    refused(ErrorKind::corrupt, "its bytes do not have its sha256", [&] { pair.applied(flipped); });
  }
}

TEST_CASE("another version of the format is no undo file of this one") {
  const Pair pair;
  base::Bytes next = pair.undo;
  next[7] = '2';
  refused(ErrorKind::bad_data, "is not an undo file", [&] { pair.applied(next); });
}

TEST_CASE("lying sizes are refused before anything is written") {
  const Pair pair;
  const std::uint64_t after = bytes_of(pair.path("after.tt")).size();
  const auto use = [&](const base::Json& json, std::optional<std::uint32_t> length = {}) {
    return [&pair, json, length] { pair.applied(pair.made(json, length)); };
  };
  refused(ErrorKind::corrupt, "its description is longer than the file", use(pair.text, 1u << 26));
  refused(ErrorKind::corrupt, "its description is longer than the file", use(pair.text, UINT32_MAX));
  refused(ErrorKind::corrupt, "outside of the edited file", use(pair.with_pieces({{0, after, 1}})));
  refused(ErrorKind::bad_data, "overflow", use(pair.with_pieces({{0, UINT64_MAX, 2}})));
  refused(ErrorKind::bad_data, "overflow", use(pair.with_pieces({{UINT64_MAX, 0, 0}, {UINT64_MAX, 0, 0}})));
  refused(ErrorKind::corrupt, "do not add up", use(pair.with_pieces({{1, 0, 0}})));
  refused(ErrorKind::corrupt, "do not add up", use(pair.with("before_bytes", base::Json(1))));
  refused(ErrorKind::corrupt, "1 numbers", use(pair.with_pieces({{1}})));
  // The whole edited file again and again: a small patch must not ask for a huge result.
  refused(ErrorKind::corrupt, "copy more than the edited file",
          use(pair.with_pieces(std::vector<std::vector<std::uint64_t>>(1000, {0, 0, after}))));
  refused(ErrorKind::bad_data, "pieces", use(pair.with("pieces", base::Json("many"))));
  refused(ErrorKind::bad_data, "before_bytes", use(base::Json(base::JsonObject{})));
}

TEST_CASE("a patch of another edit is refused") {
  const Pair pair;
  refused(ErrorKind::bad_data, "does not belong to", [&] { pair.applied(pair.undo, "before.tt"); });
  const base::Json other = base::Json(std::string(64, '0'));
  refused(ErrorKind::bad_data, "does not belong to",
          [&] { pair.applied(pair.made(pair.with("after_sha256", other))); });
  refused(ErrorKind::corrupt, "not the file before the edit",
          [&] { pair.applied(pair.made(pair.with("before_sha256", other))); });
}

}  // namespace
}  // namespace tt::pipeline
