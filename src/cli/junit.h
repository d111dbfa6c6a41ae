// The gates of `tt verify` as JUnit XML, which CI systems show.
#pragma once

#include <string>
#include <string_view>

#include "pipeline/verify.h"

namespace tt::cli {

// Text for an attribute or an element: & < > " ' escaped, what XML 1.0 cannot hold (control characters,
// invalid UTF-8) replaced by U+FFFD; tab and line ends become character references.
std::string xml_text(std::string_view text);

// One test suite "tt verify", one test case a gate, and one "finite outputs" where samples were compared.
std::string junit_xml(const pipeline::VerifyReport& report);

}  // namespace tt::cli
