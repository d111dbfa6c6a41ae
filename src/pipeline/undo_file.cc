#include "pipeline/undo_file.h"

#include <algorithm>
#include <map>

#include "base/checked.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "container/stored_file.h"
#include "pipeline/file_hash.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;
using base::Json;
using base::JsonArray;
using base::JsonObject;

constexpr std::string_view kMagic = "tt.undo1";
constexpr std::uint64_t kHead = 12;  // magic and the length of the JSON text
constexpr std::uint64_t kHash = 32;
constexpr std::uint64_t kMaxJson = 64 << 20, kChunk = 1 << 20;

// `literal` bytes of the patch, then `length` bytes at `offset` of the edited file.
struct Piece {
  std::uint64_t literal = 0, offset = 0, length = 0;
};

struct Range {
  std::uint64_t begin = 0, length = 0, other = 0;  // in `before`; where the same bytes are in `after`
};

container::StoredFile stored(const base::InputFile& file) {
  return container::read_stored(
      [&file](std::uint64_t offset, std::span<std::uint8_t> out) { file.read(offset, out); }, file.size(),
      file.name());
}

// Ascending in `before`, without overlaps.
std::vector<Range> same_ranges(const container::StoredFile& before, const container::StoredFile& after) {
  std::map<std::string, std::size_t> names;
  for (std::size_t i = 0; i < after.manifest.weights.size(); ++i)
    names.emplace(after.manifest.weights[i].name, i);
  std::vector<Range> ranges;
  for (std::size_t i = 0; i < before.manifest.weights.size(); ++i) {
    const auto found = names.find(before.manifest.weights[i].name);
    if (found == names.end()) continue;
    const auto &mine = before.cores[i], &theirs = after.cores[found->second];
    if (before.manifest.weights[i].sha256 != after.manifest.weights[found->second].sha256) continue;
    for (std::size_t c = 0; c < std::min(mine.size(), theirs.size()); ++c)
      if (mine[c].size == theirs[c].size && mine[c].size > 0)
        ranges.push_back({mine[c].offset, mine[c].size, theirs[c].offset});
  }
  if (before.skeleton_size > 0 && before.manifest.skeleton_sha256 == after.manifest.skeleton_sha256)
    ranges.push_back({before.layout.skeleton, before.skeleton_size, after.layout.skeleton});
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
  return ranges;
}

// Neighbours that are neighbours in both files become one.
std::vector<Piece> pieces_of(const std::vector<Range>& ranges, std::uint64_t total) {
  std::vector<Piece> pieces;
  std::uint64_t position = 0;
  for (const Range& range : ranges) {
    Piece* const last = pieces.empty() ? nullptr : &pieces.back();
    if (last && range.begin == position && last->offset + last->length == range.other)
      last->length += range.length;
    else
      pieces.push_back({range.begin - position, range.other, range.length});
    position = range.begin + range.length;
  }
  pieces.push_back({total - position, 0, 0});
  return pieces;
}

void copy(const base::InputFile& from, std::uint64_t offset, std::uint64_t length, base::OutputFile& out,
          std::uint64_t& place) {
  while (length > 0) {
    const std::uint64_t count = std::min(length, kChunk);
    out.write(place, from.read_bytes(offset, count));
    offset += count;
    place += count;
    length -= count;
  }
}

[[noreturn]] void refuse(const base::InputFile& undo, const std::string& why) {
  throw Error(ErrorKind::corrupt, "undo file " + base::quoted(undo.name()) + ": " + why,
              "restore it from a copy");
}

struct Patch {
  std::uint64_t before_bytes = 0, literals = 0;  // offset of the literals
  std::string before, after;                     // sha256
  std::vector<Piece> pieces;
};

// Every length against the files before anything is read.
void check_pieces(const base::InputFile& undo, const base::InputFile& after, const Patch& patch) {
  std::uint64_t total = 0, literal = 0, copied = 0;
  for (const Piece& piece : patch.pieces) {
    literal = base::checked_add(literal, piece.literal, "undo file");
    total =
        base::checked_add(total, base::checked_add(piece.literal, piece.length, "undo file"), "undo file");
    if (base::checked_add(piece.offset, piece.length, "undo file") > after.size())
      refuse(undo, "a piece lies outside of the edited file");
    copied = base::checked_add(copied, piece.length, "undo file");
  }
  // Nothing is in the edited file twice: a short patch cannot ask for a huge file.
  if (copied > after.size()) refuse(undo, "its pieces copy more than the edited file");
  if (literal != undo.size() - kHash - patch.literals || total != patch.before_bytes)
    refuse(undo, "its pieces do not add up");
}

Patch parse(const base::InputFile& undo, const base::InputFile& after, std::uint64_t length) {
  const base::Bytes text = undo.read_bytes(kHead, length);
  const Json json = base::parse_json(base::text_of(text), "undo file " + base::quoted(undo.name()),
                                     {.max_bytes = kMaxJson, .max_depth = 4, .max_values = kMaxJson / 8});
  Patch patch;
  patch.literals = kHead + length;
  patch.before_bytes = json.at("before_bytes", "undo file").as_uint("before_bytes");
  patch.before = json.at("before_sha256", "undo file").as_string("before_sha256");
  patch.after = json.at("after_sha256", "undo file").as_string("after_sha256");
  for (const Json& row : json.at("pieces", "undo file").as_array("pieces")) {
    const std::vector<std::uint64_t> piece = row.as_uints("a piece");
    if (piece.size() != 3) refuse(undo, "a piece has " + std::to_string(piece.size()) + " numbers");
    patch.pieces.push_back({piece[0], piece[1], piece[2]});
  }
  check_pieces(undo, after, patch);
  return patch;
}

Patch read_patch(const base::InputFile& undo, const base::InputFile& after) {
  if (undo.size() < kHead + kHash || base::text_of(undo.read_bytes(0, kMagic.size())) != kMagic)
    throw Error(ErrorKind::bad_data, base::quoted(undo.name()) + " is not an undo file",
                "give the .undo file that tt edit wrote beside its output");
  const base::Bytes stated = undo.read_bytes(undo.size() - kHash, kHash);
  const base::Sha256 found = base::sha256_range(undo, 0, undo.size() - kHash);
  if (!std::equal(stated.begin(), stated.end(), found.begin()))
    refuse(undo, "its bytes do not have its sha256");
  const auto length = base::load_le<std::uint32_t>(undo.read_bytes(kMagic.size(), 4).data());
  if (length > kMaxJson || length > undo.size() - kHead - kHash)
    refuse(undo, "its description is longer than the file");
  return parse(undo, after, length);
}

}  // namespace

void write_undo(const container::Container& before, const base::InputFile& after, base::OutputFile& out) {
  const base::InputFile& file = before.file();
  const std::vector<Piece> pieces = pieces_of(same_ranges(stored(file), stored(after)), file.size());
  JsonArray rows;
  for (const Piece& piece : pieces) rows.push_back(Json::of({piece.literal, piece.offset, piece.length}));
  const std::string json = Json(JsonObject{{"before_bytes", Json(file.size())},
                                           {"before_sha256", Json(base::hex(base::sha256_file(file)))},
                                           {"after_sha256", Json(base::hex(base::sha256_file(after)))},
                                           {"pieces", Json(std::move(rows))}})
                               .dump();
  base::Bytes head(kMagic.begin(), kMagic.end());
  base::append_le(head, static_cast<std::uint32_t>(json.size()));
  out.write(0, head);
  out.write(head.size(), base::view_of(json));
  std::uint64_t place = head.size() + json.size(), position = 0;
  for (const Piece& piece : pieces) {
    copy(file, position, piece.literal, out, place);
    position += piece.literal + piece.length;
  }
  out.write(place, base::sha256_range(out.reopen(), 0, place));
}

void apply_undo(const base::InputFile& undo, const base::InputFile& after, base::OutputFile& out) {
  const Patch patch = read_patch(undo, after);
  if (base::hex(base::sha256_file(after)) != patch.after)
    throw Error(ErrorKind::bad_data,
                "undo file " + base::quoted(undo.name()) + " does not belong to " +
                    base::quoted(after.name()) + ": the sha256 of its edited file is " + patch.after,
                "give the .undo file that was written with this file");
  std::uint64_t literal = patch.literals, place = 0;
  for (const Piece& piece : patch.pieces) {
    copy(undo, literal, piece.literal, out, place);
    literal += piece.literal;
    copy(after, piece.offset, piece.length, out, place);
  }
  if (sha256_of(out) != patch.before) refuse(undo, "the result is not the file before the edit");
}

}  // namespace tt::pipeline
