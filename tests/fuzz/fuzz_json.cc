// JSON of manifests, headers and plans: what is accepted is written and read again to the same text.
#include "base/json.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tt;
  const std::string_view text = base::text_of({data, size});
  fuzz::accepts([&] {
    const std::string written = base::parse_json(text, "input").dump();
    const std::string again = base::parse_json(written, "what was written").dump();
    fuzz::require(written == again, "JSON that was written reads back");
  });
  return 0;
}
