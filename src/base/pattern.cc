#include "base/pattern.h"

#include <re2/re2.h>

#include "base/error.h"
#include "base/text.h"

namespace tt::base {
namespace {

constexpr std::int64_t kMaxMemory = 8 << 20;

}  // namespace

Pattern::Pattern(const std::string& text) : text_(text) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMaxMemory);
  auto compiled = std::make_shared<const RE2>(text, options);
  if (!compiled->ok()) {
    throw Error(ErrorKind::usage, "unusable pattern " + quoted(text) + ", " + printable(compiled->error()),
                "patterns are RE2 regular expressions");
  }
  compiled_ = std::move(compiled);
}

bool Pattern::matches(std::string_view name) const {
  return RE2::PartialMatch(re2::StringPiece(name.data(), name.size()),
                           *static_cast<const RE2*>(compiled_.get()));
}

}  // namespace tt::base
