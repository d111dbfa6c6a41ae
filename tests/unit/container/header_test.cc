// Headers that lie: each row is one attack on what stands in front of the data.
#include <doctest/doctest.h>

#include <algorithm>

#include "generated.h"

using namespace tt;
using namespace tt::container;

namespace {

base::Bytes file_of(std::uint64_t length, std::string_view header, std::size_t data = 0) {
  base::Bytes bytes(8 + header.size() + data, 7);
  base::store_le(bytes.data(), length);
  std::copy(header.begin(), header.end(), bytes.begin() + 8);
  return bytes;
}
base::Bytes file_of(const std::string& header, std::size_t data = 0) {
  return file_of(header.size(), header, data);
}

const std::string kRoot(64, 'a');
const std::string kMetadata =
    R"("__metadata__":{"tt.format":"1","tt.tool":"0.1.0","tt.root":")" + kRoot + "\"}";

// A header with the good metadata and these tensors.
base::Bytes with_tensors(const std::string& tensors, std::size_t data) {
  return file_of("{" + kMetadata + (tensors.empty() ? "" : ",") + tensors + "}", data);
}
std::string u8_tensor(const std::string& name, const std::string& begin, const std::string& end) {
  return "\"" + name + R"(":{"dtype":"U8","shape":[1],"data_offsets":[)" + begin + "," + end + "]}";
}

struct Row {
  std::string what;
  base::Bytes bytes;
  const char* error;
};

void check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const std::string error = error_of(row.bytes);
    CAPTURE(error);
    CHECK(error.find(row.error) != error.npos);
  }
}

}  // namespace

TEST_CASE("headers that are not one") {
  check({{"empty", {}, "bad_data: 'x.tt' is not a .tt file: it has only 0 bytes"},
         {"seven bytes", base::Bytes(7, 1), "bad_data: 'x.tt' is not a .tt file"},
         {"eight bytes", file_of(0, ""), "bad_data: 'x.tt' is not a .tt file"},
         {"2^64 - 1", file_of(~std::uint64_t{0}, "{}"), "it claims a header of 18446744073709551615 bytes"},
         {"above the limit", file_of((8u << 20) + 1, "{}"), "it claims a header of 8388609 bytes"},
         {"beyond the file", file_of(3, "{}"),
          "corrupt: header of 'x.tt': 3 bytes claimed in a file of 10 bytes"},
         {"no brace", file_of("[]"), "does not begin with '{'"},
         {"empty object", file_of("{}"), "no tt.format in its metadata"},
         {"not JSON", file_of("{nonsense}"), "corrupt: header of 'x.tt'"},
         {"cut JSON", file_of("{" + kMetadata), "corrupt: header of 'x.tt'"},
         {"text after the object", file_of("{" + kMetadata + "} x"), "corrupt: header of 'x.tt'"},
         {"bad UTF-8", file_of("{\"\xff\":{}," + kMetadata + "}"), "corrupt: header of 'x.tt'"},
         {"duplicate key", file_of("{" + kMetadata + "," + kMetadata + "}"), "corrupt: header of 'x.tt'"},
         {"deep nesting", file_of("{\"x\":" + std::string(100000, '[')), "corrupt: header of 'x.tt'"},
         {"too many values", file_of("{\"x\":[" + std::string(200000, '0') + "]}"),
          "corrupt: header of 'x.tt'"},
         {"an ONNX file", file_of(0x746f6f6c1808, "onnx"), "bad_data: 'x.tt' is not a .tt file"}});
}

TEST_CASE("versions, reserved and unknown names") {
  const auto metadata = [](const std::string& inner) { return file_of("{\"__metadata__\":" + inner + "}"); };
  const std::string root = R"(,"tt.root":")" + kRoot + "\"}";
  check(
      {{"no version", metadata(R"({"format":"pt"})"), "bad_data: 'x.tt' is not a .tt file: no tt.format"},
       {"metadata no object", metadata("3"), "bad_data: 'x.tt' is not a .tt file"},
       {"version no string", metadata(R"({"tt.format":1})"), "bad_data: 'x.tt' is not a .tt file"},
       {"version 2", metadata(R"({"tt.format":"2"})"),
        "unsupported: 'x.tt' has format version 2, this tt reads up to 1"},
       {"version 0", metadata(R"({"tt.format":"0"})"), "format version '0' is not a number"},
       {"version 01", metadata(R"({"tt.format":"01"})"), "is not a number"},
       {"version -1", metadata(R"({"tt.format":"-1"})"), "is not a number"},
       {"version 2^64", metadata(R"({"tt.format":"18446744073709551616"})"), "is not a number"},
       {"encrypted", metadata(R"({"tt.format":"1","tt.enc":"x")" + root),
        "unsupported: 'x.tt' is encrypted (tt.enc)"},
       {"signed", with_tensors(u8_tensor("tt.sig", "0", "64"), 64), "unsupported: 'x.tt' is signed (tt.sig)"},
       {"reserved", with_tensors(u8_tensor("tt.more", "0", "64"), 64),
        "unsupported: 'x.tt' uses the reserved name 'tt.more'"},
       {"no root", metadata(R"({"tt.format":"1"})"), "corrupt: header of 'x.tt'"},
       {"bad root",
        file_of(R"({"__metadata__":{"tt.format":"1","tt.root":"zz"},)" + u8_tensor("tt.manifest", "0", "64") +
                    "}",
                64),
        "corrupt: header of 'x.tt'"}});
}

TEST_CASE("tensors that do not cover the data") {
  const auto t = [](const char* begin, const char* end) { return u8_tensor("tt.manifest", begin, end); };
  check(
      {{"no tensors", with_tensors("", 0), "tt.manifest is not the last tensor"},
       {"only data", with_tensors("", 64), "64 bytes after the last tensor"},
       {"hole at the start", with_tensors(t("1", "64"), 64), "begins at 1, the one before it ends at 0"},
       {"hole", with_tensors(u8_tensor("0.0", "0", "10") + "," + t("11", "64"), 64),
        "begins at 11, the one before it ends at 10"},
       {"overlap", with_tensors(u8_tensor("0.0", "0", "10") + "," + t("9", "64"), 64),
        "begins at 9, the one before it ends at 10"},
       {"unsorted", with_tensors(t("10", "64") + "," + u8_tensor("0.0", "0", "10"), 64), "begins at 10"},
       {"tail", with_tensors(t("0", "63"), 64), "1 bytes after the last tensor"},
       {"beyond the file", with_tensors(t("0", "65"), 64), "ends at 65 of 64 bytes of data"},
       {"2^64 - 1", with_tensors(t("0", "18446744073709551615"), 64), "ends at 18446744073709551615"},
       {"2^64", with_tensors(t("0", "18446744073709551616"), 64), "corrupt: header of 'x.tt'"},
       {"backwards", with_tensors(t("64", "0"), 64), "data_offsets are not a range"},
       {"negative", with_tensors(t("-0", "-64"), 64), "corrupt: header of 'x.tt'"},
       {"fraction", with_tensors(t("0", "64.0"), 64), "corrupt: header of 'x.tt'"},
       {"text", with_tensors(t("0", "\"64\""), 64), "corrupt: header of 'x.tt'"},
       {"three offsets", with_tensors(t("0", "32,64"), 64), "data_offsets are not a range"},
       {"no object", with_tensors("\"tt.manifest\":[]", 64), "corrupt: header of 'x.tt'"},
       {"a key missing", with_tensors(R"("tt.manifest":{"dtype":"U8","shape":[1]})", 64), "has unknown keys"},
       {"other keys", with_tensors(R"("tt.manifest":{"a":"U8","b":[1],"c":[0,64]})", 64),
        "corrupt: header of 'x.tt'"},
       {"manifest not last", with_tensors(t("0", "32") + "," + u8_tensor("0.0", "32", "64"), 64),
        "tt.manifest is not the last"},
       {"wrong root", with_tensors(t("0", "64"), 64),
        "corrupt: manifest of 'x.tt': its sha256 is not that of tt.root"}});
}

TEST_CASE("a header that says the same in another spelling is refused") {
  const base::Bytes good = write_bytes(every_encoding());
  const auto length = base::load_le<std::uint64_t>(good.data());
  const std::string text(base::text_of(base::ByteView(good).subspan(8, length)));
  const auto respelled = [&](const std::string& from, const std::string& to) {
    std::string header = text;
    const auto at = header.find(from);
    REQUIRE(at != header.npos);
    header.replace(at, from.size(), to);
    base::Bytes bytes = file_of(header, good.size() - 8 - length);
    std::copy(good.begin() + static_cast<std::ptrdiff_t>(8 + length), good.end(),
              bytes.begin() + static_cast<std::ptrdiff_t>(8 + header.size()));
    return bytes;
  };
  const char* error = "corrupt: header of 'x.tt': not the one that the manifest describes";
  check({{"a blank", respelled("\"shape\":[", "\"shape\": ["), error},
         {"one blank more of padding", respelled("} ", "}  "), error},
         {"another dtype", respelled("\"U8\"", "\"I8\""), error},
         {"another tool", respelled("0.1.0", "0.1.1"), error},
         {"another shape", respelled("\"shape\":[", "\"shape\":[1,"), error},
         {"an escape", respelled("tt.cores", "tt\\u002ecores"), error},
         {"another name", respelled("tt.cores", "cores"), error},
         {"unknown metadata", respelled("\"tt.tool\"", "\"more\":\"x\",\"tt.tool\""), error}});
}
