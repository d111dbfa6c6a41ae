// Encodings as text, and the texts of the command line: patterns, sizes, names shown to people.
#include <optional>
#include <string>

#include "base/pattern.h"
#include "base/text.h"
#include "base/utf8.h"
#include "codec/codec.h"
#include "fuzz.h"

namespace {

using namespace tt;

void read_encoding(const std::string& text) {
  std::optional<codec::Encoding> encoding;
  if (!fuzz::accepts([&] { encoding = codec::parse_spec(text); })) return;
  const std::string canonical = codec::spec_of(*encoding);
  const bool complete = fuzz::accepts([&] {
    codec::codec_for(encoding->format).check({tensor::DType::f32, {64, 64}, 64, 64}, *encoding);
  });
  if (complete) fuzz::require(codec::parse_spec(canonical) == *encoding, "the canonical text reads back");
}

void show(const std::string& text) {
  const std::string shown = base::quoted(text);
  for (std::string_view rest = shown; !rest.empty();) {
    const base::CodePoint point = base::decode_utf8(rest);
    fuzz::require(point.length > 0 && point.value >= 0x20 && point.value != 0x7f,
                  "shown names are printable");
    rest.remove_prefix(point.length);
  }
  base::parse_bytes(text);
  base::closest(text, {"compress", "decompress"});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(base::text_of({data, size}));
  read_encoding(text);
  show(text);
  if (size < 200) fuzz::accepts([&] { base::Pattern(text).matches("encoder/layer.0/attention/query"); });
  return 0;
}
