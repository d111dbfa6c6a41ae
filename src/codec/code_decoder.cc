// Decoding of code streams; code_coder.cc is the other direction.
#include <algorithm>
#include <array>
#include <vector>

#include "codec/code_bits.h"
#include "codec/code_coder.h"
#include "codec/code_model.h"
#include "codec/code_stream.h"

namespace tt::codec {
namespace {

// The rANS lanes and the words that they read from the front of the stream's body.
class LaneReader {
 public:
  LaneReader(ByteCursor& cursor, std::uint32_t lanes) : lanes_(lanes) {
    const base::ByteView states = cursor.take(4 * std::uint64_t{lanes});
    std::memcpy(states_.data(), states.data(), states.size());
    for (std::uint32_t lane = 0; lane < lanes; ++lane)
      if (states_[lane] < kCodeLow) throw_corrupt("a code stream begins with a broken state");
  }
  // A step takes at most one word a lane: padded so, only whole steps need a check.
  void read_words(base::ByteView body) {
    available_ = body.size() / 2;
    words_.resize(available_ + kMaxLanes);
    if (available_ > 0) std::memcpy(words_.data(), body.data(), 2 * available_);
    next_ = words_.data();
  }
  void check() const {
    if (used() > available_) throw_corrupt("a code stream ends too early");
  }
  std::size_t used() const { return static_cast<std::size_t>(next_ - words_.data()); }

  std::uint32_t take(const CodeTable& table, std::uint32_t lane) {
    const std::uint32_t state = states_[lane], slot = state & (kCodeTotal - 1);
    const std::uint32_t symbol = table.find(slot);
    const std::uint32_t next = table.frequency(symbol) * (state >> kCodeBits) + slot - table.start(symbol);
    const bool refill = next < kCodeLow;
    states_[lane] = refill ? next << 16 | *next_ : next;
    next_ += refill;
    return symbol;
  }
  // The plain bits that the lanes end with.
  base::Bytes last_bits() const {
    base::Bytes bytes;
    for (std::uint32_t lane = 0; lane < lanes_; ++lane) {
      if (states_[lane] >> 16 != 1) throw_corrupt("a code stream does not end where it should");
      base::append_le(bytes, static_cast<std::uint16_t>(states_[lane]));
    }
    return bytes;
  }

 private:
  std::array<std::uint32_t, kMaxLanes> states_{};
  std::uint32_t lanes_;
  std::vector<std::uint16_t> words_;
  std::size_t available_ = 0;
  const std::uint16_t* next_ = nullptr;
};

// One block on its way from symbols to codes; arrays are [column][row].
struct Block {
  std::vector<std::uint32_t> magnitude;
  std::vector<std::uint8_t> shift;
  std::vector<std::size_t> escapes;  // places, in order
  bool shifted = false;
  std::vector<std::int32_t> codes;  // [row][column]
};

void read_symbols(CodeModel& model, LaneReader& lanes, std::uint64_t cols, std::uint32_t height,
                  Block& block) {
  std::array<std::uint8_t, kMaxLanes> symbols{};
  block.escapes.clear();
  block.shifted = false;
  std::size_t at = 0;
  for (std::uint64_t j = 0; j < cols; ++j) {
    const auto contexts = model.contexts(j);
    for (std::uint32_t y = 0; y < height; ++y, ++at) {
      const CodeContext context = contexts[y];
      const std::uint32_t symbol = lanes.take(model.table(context.code_class), y);
      symbols[y] = static_cast<std::uint8_t>(symbol);
      block.magnitude[at] = symbol;
      block.shift[at] = context.shift;
      block.shifted |= context.shift != 0;
      if (symbol == escape_symbol(context.code_class)) block.escapes.push_back(at);
    }
    lanes.check();
    model.learn(j, std::span(symbols).first(height));
  }
}

[[noreturn]] void throw_too_large() {
  throw_corrupt("a code does not fit into 32 bits");
}

void add_plain_magnitudes(BitReader& plain, std::size_t count, Block& block) {
  for (const std::size_t at : block.escapes) block.magnitude[at] += plain.take_gamma() - 1;
  if (!block.shifted) return;
  for (std::size_t at = 0; at < count; ++at) {
    const std::uint32_t shift = block.shift[at];
    if (shift == 0) continue;
    if (block.magnitude[at] > kLargestMagnitude >> shift) throw_too_large();
    block.magnitude[at] = block.magnitude[at] << shift | plain.take(shift);
  }
}

void add_signs(BitReader& plain, std::uint64_t cols, std::uint32_t height, Block& block) {
  const std::uint32_t* magnitude = block.magnitude.data();
  for (std::uint64_t j = 0; j < cols; ++j) {
    std::int32_t* to = block.codes.data() + j;
    for (std::uint32_t y = 0; y < height; ++y, ++magnitude, to += cols) {
      const std::uint32_t sign = plain.take_if(*magnitude != 0);
      if (*magnitude > kLargestMagnitude - 1 + sign) throw_too_large();
      *to = static_cast<std::int32_t>((*magnitude ^ (0 - sign)) + sign);
    }
  }
}

void send_zeros(std::uint64_t rows, std::uint64_t cols, const CodeSink& sink) {
  const std::uint64_t height = std::clamp<std::uint64_t>(65536 / cols, 1, rows);
  const std::vector<std::int32_t> zeros(height * cols);
  for (std::uint64_t row = 0; row < rows; row += height)
    sink(row, std::span(zeros).first(std::min(height, rows - row) * cols));
}

void decode_body(ByteCursor& cursor, const CodeParameters& parameters, std::uint64_t rows, std::uint64_t cols,
                 const CodeSink& sink) {
  const std::uint32_t lanes = parameters.lanes();
  LaneReader symbols(cursor, lanes);
  const base::ByteView body = cursor.take(cursor.left());
  symbols.read_words(body);
  BitReader plain(body);
  CodeModel model(parameters, rows, cols);
  Block block;
  const std::size_t largest = std::min<std::uint64_t>(rows, lanes) * cols;
  block.magnitude.resize(largest), block.shift.resize(largest), block.codes.resize(largest);
  std::uint64_t row = 0, before_last = 0, tail = 0;
  while (const std::uint32_t height = model.next_block()) {
    const std::size_t count = height * cols;
    read_symbols(model, symbols, cols, height, block);
    if (row + height == rows) {
      before_last = plain.used();
      tail = body.size() - 2 * symbols.used();
      plain.finish(tail, symbols.last_bits());
    }
    add_plain_magnitudes(plain, count, block);
    add_signs(plain, cols, height, block);
    plain.check();
    if (row + height == rows &&
        (plain_bytes(plain.used(), before_last, lanes) != tail || !plain.rest_is_zero()))
      throw_corrupt("a code stream does not end where it should");
    sink(row, std::span(block.codes).first(count));
    row += height;
  }
}

}  // namespace

void decode_codes(base::ByteView stream, std::uint64_t rows, std::uint64_t cols, const CodeSink& sink) {
  ByteCursor cursor(stream);
  if (rows == 0 || cols == 0) {
    if (!stream.empty()) throw_corrupt("a code stream without codes is not empty");
    return;
  }
  const CodeParameters parameters = read_code_header(cursor);
  if (parameters.scale != 0) return decode_body(cursor, parameters, rows, cols, sink);
  if (cursor.left() != 0) throw_corrupt("a code stream of zeros is too long");
  send_zeros(rows, cols, sink);
}

}  // namespace tt::codec
