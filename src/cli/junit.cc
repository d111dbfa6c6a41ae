#include "cli/junit.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.h"

namespace tt::cli {
namespace {

using pipeline::Gate;

constexpr const char* kReplacement = "\xef\xbf\xbd";  // U+FFFD

// What stands for a code point that has a meaning in XML or cannot stand in it; empty for all others.
std::string escaped(char32_t letter) {
  switch (letter) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    case '\t':
    case '\n':
    case '\r':
      return fmt::format("&#{};", static_cast<int>(letter));
    default:
      return letter < 0x20 || letter == 0xfffe || letter == 0xffff ? kReplacement : "";
  }
}

Gate finite_gate(const pipeline::VerifyReport& report) {
  return {"finite_outputs", 0, 0, report.judgement.finite,
          report.judgement.finite ? "" : "the candidate's outputs hold NaN or infinity"};
}

std::string test_case(const Gate& gate) {
  const std::string start =
      fmt::format("    <testcase classname=\"tt.verify\" name=\"{}\" time=\"0\"", xml_text(gate.name));
  if (gate.passed) return start + "/>\n";
  return start + fmt::format(">\n      <failure type=\"gate\" message=\"{}\"/>\n    </testcase>\n",
                             xml_text(gate.why));
}

}  // namespace

std::string xml_text(std::string_view text) {
  std::string xml;
  while (!text.empty()) {
    const base::CodePoint letter = base::decode_utf8(text);
    const std::size_t length = std::max<std::size_t>(1, letter.length);
    const std::string special = letter.length == 0 ? kReplacement : escaped(letter.value);
    xml += special.empty() ? text.substr(0, length) : std::string_view(special);
    text.remove_prefix(length);
  }
  return xml;
}

std::string junit_xml(const pipeline::VerifyReport& report) {
  std::vector<Gate> cases = report.gates;
  if (report.judgement.samples > 0) cases.insert(cases.begin(), finite_gate(report));
  const auto failures =
      std::count_if(cases.begin(), cases.end(), [](const Gate& gate) { return !gate.passed; });
  const std::string counts = fmt::format("tests=\"{}\" failures=\"{}\" errors=\"0\"", cases.size(), failures);
  std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  xml +=
      fmt::format("<testsuites {}>\n  <testsuite name=\"tt verify {}\" {} skipped=\"0\" time=\"{:.3f}\">\n",
                  counts, xml_text(report.candidate), counts, report.seconds);
  for (const Gate& gate : cases) xml += test_case(gate);
  return xml + "  </testsuite>\n</testsuites>\n";
}

}  // namespace tt::cli
