#include "base/sha256.h"

#include <openssl/evp.h>

#include <algorithm>

#include "base/cancel.h"
#include "base/error.h"
#include "base/text.h"

namespace tt::base {

struct Sha256Hasher::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

namespace {

constexpr std::uint64_t kPiece = 1 << 20;

void check_openssl(bool ok) {
  if (!ok) throw Error(ErrorKind::internal, "the cryptographic library failed at sha-256");
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

Sha256Hasher::Sha256Hasher() : state_(std::make_unique<State>()) {
  check_openssl(state_->context != nullptr && EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1);
}

Sha256Hasher::~Sha256Hasher() = default;

void Sha256Hasher::update(ByteView bytes) {
  check_openssl(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

Sha256 Sha256Hasher::finish() {
  Sha256 digest;
  check_openssl(EVP_DigestFinal_ex(state_->context, digest.data(), nullptr) == 1);
  return digest;
}

Sha256 sha256(ByteView bytes) {
  Sha256Hasher hasher;
  hasher.update(bytes);
  return hasher.finish();
}

Sha256 sha256_range(const InputFile& file, std::uint64_t offset, std::uint64_t length) {
  Sha256Hasher hasher;
  Bytes piece(static_cast<std::size_t>(std::min(kPiece, length)));
  while (length > 0) {
    check_cancelled();
    const auto part = std::span(piece).first(static_cast<std::size_t>(std::min(kPiece, length)));
    file.read(offset, part);
    hasher.update(part);
    offset += part.size();
    length -= part.size();
  }
  return hasher.finish();
}

std::string hex(const Sha256& digest) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

Sha256 parse_sha256(const std::string& text) {
  Sha256 digest{};
  bool valid = text.size() == 2 * digest.size();
  for (std::size_t i = 0; valid && i < digest.size(); ++i) {
    const int high = hex_value(text[2 * i]);
    const int low = hex_value(text[2 * i + 1]);
    valid = high >= 0 && low >= 0;
    if (valid) digest[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  if (!valid)
    throw Error(ErrorKind::bad_data, "not a sha-256, " + quoted(text),
                "64 digits of 0-9 and a-f are expected");
  return digest;
}

}  // namespace tt::base
