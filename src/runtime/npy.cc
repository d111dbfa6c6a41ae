#include "runtime/npy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/checked.h"
#include "base/error.h"
#include "base/text.h"

namespace tt::runtime {
namespace {

using base::Error;
using base::ErrorKind;
using namespace std::string_view_literals;

constexpr std::string_view kMagic = "\x93NUMPY"sv;
constexpr std::uint64_t kMaxHeader = 64 << 10;

struct Descr {
  std::string_view text;
  ElementType type;
};
constexpr Descr kDescrs[] = {
    {"<f4", ElementType::f32}, {"<f2", ElementType::f16}, {"<f8", ElementType::f64},
    {"|i1", ElementType::i8},  {"|u1", ElementType::u8},  {"<i2", ElementType::i16},
    {"<u2", ElementType::u16}, {"<i4", ElementType::i32}, {"<u4", ElementType::u32},
    {"<i8", ElementType::i64}, {"<u8", ElementType::u64}, {"|b1", ElementType::boolean},
    {"<i1", ElementType::i8},  {"<u1", ElementType::u8}};

// The few Python literals that NumPy writes: one dictionary with three keys.
class DictionaryParser {
 public:
  DictionaryParser(std::string_view text, const std::string& what) : text_(text), what_(what) {}

  NpyHeader parse() {
    expect('{');
    while (!accept('}')) {
      const std::string_view key = quoted_text();
      expect(':');
      read_value(key);
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_spaces();
    if (at_ != text_.size() || seen_ != 7) fail("has a malformed header");
    return header_;
  }

 private:
  [[noreturn]] void fail(const std::string& why, const std::string& hint = "") const {
    throw Error(ErrorKind::bad_data, what_ + " " + why, hint);
  }
  void skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool accept(char c) {
    skip_spaces();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail("has a malformed header");
  }
  bool accept_word(std::string_view word) {
    skip_spaces();
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  std::string_view quoted_text() {
    expect('\'');
    const std::size_t end = text_.find('\'', at_);
    if (end == text_.npos) fail("has a malformed header");
    const std::string_view result = text_.substr(at_, end - at_);
    at_ = end + 1;
    return result;
  }
  void read_value(std::string_view key) {
    const int bit = key == "descr" ? 1 : key == "fortran_order" ? 2 : key == "shape" ? 4 : 0;
    if (bit == 0 || (seen_ & bit) != 0) fail("has a malformed header");
    seen_ |= bit;
    if (bit == 1) return read_type();
    if (bit == 4) return read_shape();
    header_.fortran = accept_word("True");
    if (!header_.fortran && !accept_word("False")) fail("has a malformed header");
  }
  void read_type() {
    skip_spaces();
    if (at_ < text_.size() && text_[at_] == '[')
      fail("is a structured array", "save one plain array for each input");
    const std::string_view name = quoted_text();
    for (const Descr& descr : kDescrs) {
      if (descr.text != name) continue;
      header_.type = descr.type;
      return;
    }
    if (name.starts_with("|O") || name == "O")
      fail("holds Python objects (a pickle), which are unsafe to read", "save it with a number type");
    fail("has elements of type " + base::quoted(name) + ", only little-endian numbers and bool can be read",
         "save it as float32 or int64");
  }
  void read_shape() {
    expect('(');
    while (!accept(')')) {
      skip_spaces();
      std::uint64_t dim = 0;
      const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), dim);
      if (error != std::errc() || header_.shape.size() == kMaxRank) fail("has a malformed shape");
      at_ = static_cast<std::size_t>(end - text_.data());
      header_.shape.push_back(dim);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
  }

  std::string_view text_;
  std::string what_;
  std::size_t at_ = 0;
  int seen_ = 0;
  NpyHeader header_;
};

NpyHeader read_header(ByteStream& stream, const std::string& what) {
  const auto fail = [&](const std::string& why) { throw Error(ErrorKind::bad_data, what + " " + why); };
  std::array<std::uint8_t, 12> start{};
  if (stream.size() < 10) fail("is too short for a .npy array");
  const std::size_t have = stream.size() < 12 ? 10 : 12;
  stream.read(0, std::span(start).first(have));
  if (!looks_like_npy(start)) fail("is no .npy array");
  const int version = start[6];
  if (version < 1 || version > 3) fail("has .npy version " + std::to_string(version) + ", which is unknown");
  const std::uint64_t begin = version == 1 ? 10 : 12;
  const std::uint64_t length =
      version == 1 ? base::load_le<std::uint16_t>(&start[8]) : base::load_le<std::uint32_t>(&start[8]);
  if (length > kMaxHeader || !base::range_inside(begin, length, stream.size()))
    fail("has a header of impossible length");
  base::Bytes text(length);
  stream.read(begin, text);
  NpyHeader header = parse_npy_dictionary(base::text_of(text), what);
  header.data_offset = begin + length;
  return header;
}

class NpySource : public ArraySource {
 public:
  NpySource(std::shared_ptr<ByteStream> stream, const std::string& name, const std::string& file,
            NpyHeader header)
      : ArraySource(name, header.type, header.shape), stream_(std::move(stream)), header_(std::move(header)) {
    set_text(file);
    const std::uint64_t size = data_size(type(), shape(), text());
    if (stream_->size() - header_.data_offset != size)
      throw Error(ErrorKind::bad_data, text() + " has " +
                                           std::to_string(stream_->size() - header_.data_offset) +
                                           " bytes where its shape needs " + std::to_string(size));
    header_.fortran = header_.fortran && shape().size() > 1;
    if (header_.fortran && size > kMaxRowBytes)
      throw Error(ErrorKind::resource_limit,
                  text() + " is in Fortran order and larger than " + base::format_bytes(kMaxRowBytes),
                  "save it in C order (numpy.ascontiguousarray)");
  }

 private:
  void read_bytes(std::uint64_t offset, std::span<std::uint8_t> out) override {
    if (!header_.fortran) return stream_->read(header_.data_offset + offset, out);
    if (transposed_.empty()) transpose();
    std::copy_n(transposed_.data() + offset, out.size(), out.data());
  }

  // Walks the target in C order with the source position of the current element.
  void transpose() {
    base::Bytes source(stream_->size() - header_.data_offset);
    stream_->read(header_.data_offset, source);
    const std::size_t rank = shape().size(), width = element_size(type());
    std::vector<std::uint64_t> stride(rank, width), index(rank, 0);
    for (std::size_t i = 1; i < rank; ++i) stride[i] = stride[i - 1] * shape()[i - 1];
    transposed_.resize(source.size());
    std::uint64_t from = 0;
    for (std::size_t to = 0; to < transposed_.size(); to += width) {
      std::copy_n(source.data() + from, width, transposed_.data() + to);
      for (std::size_t axis = rank; axis-- > 0;) {
        from += stride[axis];
        if (++index[axis] < shape()[axis]) break;
        from -= stride[axis] * shape()[axis];
        index[axis] = 0;
      }
    }
  }

  std::shared_ptr<ByteStream> stream_;
  NpyHeader header_;
  base::Bytes transposed_;
};

}  // namespace

bool looks_like_npy(base::ByteView start) {
  return base::text_of(start).starts_with(kMagic);
}

NpyHeader parse_npy_dictionary(std::string_view text, const std::string& what) {
  return DictionaryParser(text, what).parse();
}

std::unique_ptr<ArraySource> open_npy(std::shared_ptr<ByteStream> stream, const std::string& name,
                                      const std::string& file) {
  const std::string what =
      name.empty() ? base::quoted(file) : "array " + base::quoted(name) + " of " + base::quoted(file);
  NpyHeader header = read_header(*stream, what);
  return std::make_unique<NpySource>(std::move(stream), name, file, std::move(header));
}

}  // namespace tt::runtime
