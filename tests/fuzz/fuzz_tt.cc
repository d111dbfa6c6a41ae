// A .tt file. Mode byte 0: the rest is the file. Otherwise the rest is J (u16), J bytes of the manifest's
// JSON text, S (u16), S bytes of skeleton frame, and bytes for the cores: hashes and header are made right,
// so that the fuzzer reaches what they protect.
#include <algorithm>
#include <optional>

#include "container/container.h"
#include "container/layout.h"
#include "container/manifest_text.h"
#include "fuzz.h"
#include "model/skeleton_writer.h"

namespace {

using namespace tt;

constexpr std::uint64_t kMaxFile = std::uint64_t{1} << 20;
constexpr std::uint64_t kMaxOutput = std::uint64_t{1} << 22;

std::uint64_t number16(fuzz::Input& input) {
  const std::uint64_t low = input.byte();
  return low | static_cast<std::uint64_t>(input.byte()) << 8;
}

base::Bytes pack(base::ByteView json, const std::vector<base::Sha256>& hashes) {
  const base::Bytes frame = base::zstd_compress(json, 1);
  base::Bytes out;
  base::append_le(out, static_cast<std::uint32_t>(json.size()));
  base::append_le(out, static_cast<std::uint32_t>(frame.size()));
  out.insert(out.end(), frame.begin(), frame.end());
  for (const base::Sha256& hash : hashes) out.insert(out.end(), hash.begin(), hash.end());
  return out;
}

// The manifest with any number of zero hashes: how many it wants is told by which one it takes.
std::optional<container::ParsedManifest> parse(base::ByteView json) {
  for (std::size_t hashes = 2; hashes < 8; ++hashes) {
    std::optional<container::ParsedManifest> parsed;
    if (fuzz::accepts([&] {
          parsed = container::parse_manifest(pack(json, std::vector<base::Sha256>(hashes)), "input");
        }))
      return parsed;
  }
  return {};
}

void place(base::Bytes& file, std::uint64_t offset, base::ByteView bytes) {
  std::copy(bytes.begin(), bytes.end(), file.begin() + static_cast<std::ptrdiff_t>(offset));
}

// The file around the manifest, or nothing if it is too large for a fuzzer.
base::Bytes seal(base::ByteView json, base::ByteView skeleton, base::ByteView data) {
  std::optional<container::ParsedManifest> parsed = parse(json);
  if (!parsed) return {};
  std::vector<base::Sha256> hashes{base::sha256(skeleton)};
  hashes.resize(1 + parsed->manifest.sources.size());
  base::Bytes cores;
  for (const auto& weight : parsed->cores) {
    const std::size_t begin = cores.size();
    for (const container::StoredCore& core : weight) {
      if (core.size > kMaxFile - cores.size()) return {};
      const base::ByteView bytes = data.first(std::min<std::size_t>(data.size(), core.size));
      data = data.subspan(bytes.size());
      cores.insert(cores.end(), bytes.begin(), bytes.end());
      cores.resize(cores.size() + core.size - bytes.size());
    }
    hashes.push_back(base::sha256(base::ByteView(cores).subspan(begin)));
  }
  const base::Bytes manifest = pack(json, hashes);
  container::Layout layout;
  if (!fuzz::accepts([&] {
        layout = container::make_layout(
            parsed->cores, parsed->typed,
            {skeleton.size(), manifest.size(), parsed->manifest.tool_version, base::sha256(manifest)});
      }))
    return {};
  base::Bytes file(static_cast<std::size_t>(layout.total));
  place(file, 0, base::view_of(layout.header));
  std::uint64_t taken = 0;
  for (const auto& weight : parsed->cores)
    for (const container::StoredCore& core : weight) {
      place(file, core.offset, base::ByteView(cores).subspan(taken, core.size));
      taken += core.size;
    }
  place(file, layout.skeleton, skeleton);
  place(file, layout.manifest, manifest);
  return file;
}

void decode(const container::Container& container) {
  const container::Manifest& manifest = container.manifest();
  std::vector<std::uint64_t> sizes;
  for (const container::WeightEntry& entry : manifest.weights) sizes.push_back(entry.target_size);
  const model::Placement placement = model::place_pieces(manifest.files, manifest.literal_bytes, sizes);
  for (std::size_t i = 0; i < manifest.weights.size(); ++i) {
    const container::WeightEntry& entry = manifest.weights[i];
    if (entry.layout.payload_size() > kMaxOutput) continue;
    fuzz::accepts([&] {
      container.check_weight(i);
      const base::Bytes payload = codec::decode_all(entry.layout, entry.encoding, *container.cores(i));
      fuzz::require(payload.size() == entry.layout.payload_size(),
                    "a decoded weight is as large as its layout says");
    });
  }
  std::uint64_t literals = 0;
  fuzz::accepts([&] {
    container.check_skeleton();
    container.read_literals([&](base::ByteView piece) { literals += piece.size(); });
    fuzz::require(literals == manifest.literal_bytes, "the literals are as many as claimed");
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  base::Bytes file;
  const bool sealed = input.byte() != 0;
  if (sealed) {
    const base::ByteView json = input.take(number16(input));
    const base::ByteView skeleton = input.take(number16(input));
    file = seal(json, skeleton, input.rest());
    if (file.empty()) return 0;
  } else {
    file.assign(input.rest().begin(), input.rest().end());
  }
  fuzz::accepts([&] {
    base::InputFile stored = base::InputFile::from_bytes(std::move(file), "input");
    container::Container::looks_like(stored);
    decode(container::Container::open(std::move(stored)));
  });
  return 0;
}
