// An undo file. Mode byte 0: the rest is the file. Otherwise the rest is J (u16), J bytes of the description,
// and literals: magic, length and hash are made right, and so are the hashes in the description where it is
// "{...}" with HASH in place of that of the edited file.
#include <algorithm>
#include <string>

#include "base/sha256.h"
#include "fuzz.h"
#include "pipeline/undo_file.h"

namespace {

using namespace tt;

constexpr std::uint64_t kEdited = 4096;

base::Bytes edited_file() {
  base::Bytes bytes(kEdited);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * i / 7);
  return bytes;
}

base::Bytes sealed(fuzz::Input& input) {
  const std::uint64_t low = input.byte(), length = low | static_cast<std::uint64_t>(input.byte()) << 8;
  std::string json(base::text_of(input.take(length)));
  if (const std::size_t at = json.find("HASH"); at != std::string::npos)
    json.replace(at, 4, base::hex(base::sha256(edited_file())));
  base::Bytes file;
  for (const char c : std::string("tt.undo1")) file.push_back(static_cast<std::uint8_t>(c));
  base::append_le(file, static_cast<std::uint32_t>(json.size()));
  file.insert(file.end(), json.begin(), json.end());
  file.insert(file.end(), input.rest().begin(), input.rest().end());
  const base::Sha256 hash = base::sha256(file);
  file.insert(file.end(), hash.begin(), hash.end());
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  base::Bytes file;
  if (input.byte() != 0)
    file = sealed(input);
  else
    file.assign(input.rest().begin(), input.rest().end());
  const std::uint64_t most = file.size() + kEdited;
  base::OutputFile out = base::OutputFile::create("-");  // never committed
  fuzz::accepts([&] {
    pipeline::apply_undo(base::InputFile::from_bytes(std::move(file), "undo"),
                         base::InputFile::from_bytes(edited_file(), "edited"), out);
  });
  fuzz::require(out.size() <= most, "a patch makes no more than it and the edited file hold");
  return 0;
}
