#include "base/sha256.h"

#include "support.h"

using namespace tt::base;
using tt::test::kind_of;

TEST_CASE("the vectors of FIPS 180-4") {
  CHECK(hex(sha256(view_of(""))) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hex(sha256(view_of("abc"))) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hex(sha256(Bytes(1'000'000, 'a'))) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("pieces and ranges give the hash of the whole") {
  Bytes bytes(2'500'000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * i >> 3);
  Sha256Hasher hasher;
  hasher.update(ByteView(bytes).first(1));
  hasher.update({});
  hasher.update(ByteView(bytes).subspan(1));
  CHECK(hasher.finish() == sha256(bytes));
  const InputFile file = InputFile::from_bytes(bytes, "b");
  CHECK(sha256_file(file) == sha256(bytes));
  CHECK(sha256_range(file, 7, 1'999'999) == sha256(ByteView(bytes).subspan(7, 1'999'999)));
  CHECK(sha256_range(file, bytes.size(), 0) == sha256({}));
  CHECK(kind_of([&] { sha256_range(file, 1, bytes.size()); }) == ErrorKind::corrupt);
}

TEST_CASE("one spelling of a hash") {
  const Sha256 digest = sha256(view_of("abc"));
  CHECK(parse_sha256(hex(digest)) == digest);
  std::string upper = hex(digest);
  upper[0] = 'B';
  for (const std::string& bad : {std::string(), hex(digest) + "0", hex(digest).substr(1), upper,
                                 std::string(64, 'g'), std::string(62, '0') + " 0", std::string(64, '\0')}) {
    CHECK(kind_of([&] { parse_sha256(bad); }) == ErrorKind::bad_data);
  }
}
