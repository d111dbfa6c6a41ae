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
  // A column of a block takes at most two words a lane: padded so, only whole columns need a check.
  void read_words(base::ByteView body) {
    available_ = body.size() / 2;
    words_.resize(available_ + 2 * kMaxLanes);
    if (available_ > 0) std::memcpy(words_.data(), body.data(), 2 * available_);
    next_ = words_.data();
  }
  void check() const {
    if (used() > available_) throw_corrupt("a code stream ends too early");
  }
  std::size_t used() const { return static_cast<std::size_t>(next_ - words_.data()); }

  std::uint32_t take(const CodeTable& table, std::uint32_t lane) {
    const std::uint32_t state = states_.data()[lane], slot = state & (kCodeTotal - 1);
    const std::uint32_t symbol = table.find(slot);
    const std::uint32_t next = table.frequency(symbol) * (state >> kCodeBits) + slot - table.start(symbol);
    const bool refill = next < kCodeLow;
    states_.data()[lane] = refill ? next << 16 | *next_ : next;
    next_ += refill;
    return symbol;
  }
  // True for the likely sign.
  bool take_likely(std::uint32_t frequency, std::uint32_t lane) {
    const std::uint32_t state = states_.data()[lane], slot = state & (kCodeTotal - 1);
    const bool likely = slot < frequency;
    const std::uint32_t width = likely ? frequency : kCodeTotal - frequency;
    const std::uint32_t next = width * (state >> kCodeBits) + slot - (likely ? 0 : frequency);
    const bool refill = next < kCodeLow;
    states_.data()[lane] = refill ? next << 16 | *next_ : next;
    next_ += refill;
    return likely;
  }
  // 0 or 1, both as likely.
  std::uint32_t take_bit(std::uint32_t lane) { return take_likely(kCodeTotal / 2, lane) ? 0 : 1; }
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

// One block on its way from symbols to codes; arrays but the last are [column][row].
struct Block {
  std::vector<std::uint32_t> magnitude;
  std::vector<CodeContext> contexts;
  std::vector<std::size_t> escapes;  // places, in order
  bool shifted = false;
  std::vector<std::int32_t> predictions;  // if predicted
  std::vector<std::uint8_t> negative;     // if predicted
  std::vector<std::uint8_t> parity;       // along a trellis
  std::vector<std::int32_t> codes;        // [row][column]

  Block(std::size_t largest, bool predicted, bool trellis)
      : magnitude(largest),
        contexts(largest),
        predictions(predicted ? largest : 0),
        negative(predicted ? largest : 0),
        parity(trellis ? largest : 0),
        codes(largest) {}
};

void read_signs(const CodeModel& model, LaneReader& lanes, std::uint32_t height, std::size_t at,
                CodeColumn& column, Block& block) {
  for (std::uint32_t y = 0; y < height; ++y) {
    bool negative = false;
    if (model.context(y).has_sign(column.symbols[y])) {
      const std::uint32_t likely = model.sign_table(y, column.symbols[y]).likely();
      negative = lanes.take_likely(likely, y) == model.likely_negative(y);
    }
    column.negative[y] = negative ? 1 : 0;
    block.negative[at + y] = column.negative[y];
    block.predictions[at + y] = model.prediction(y);
  }
}

// What symbols tell, or a bit beside them.
void read_parities(const CodeModel& model, LaneReader& lanes, std::uint32_t height, std::size_t at,
                   CodeColumn& column, Block& block) {
  for (std::uint32_t y = 0; y < height; ++y) {
    const std::uint32_t symbol = column.symbols.data()[y];
    const std::uint32_t parity = model.context(y).has_parity(symbol) ? lanes.take_bit(y) : symbol & 1;
    column.parity.data()[y] = block.parity[at + y] = static_cast<std::uint8_t>(parity);
  }
}

void read_symbols(CodeModel& model, LaneReader& lanes, std::uint64_t cols, std::uint32_t height,
                  Block& block) {
  CodeColumn column;
  block.escapes.clear();
  block.shifted = false;
  std::uint32_t* magnitude = block.magnitude.data();
  CodeContext* contexts = block.contexts.data();
  std::size_t at = 0;
  for (std::uint64_t j = 0; j < cols; ++j, at += height, magnitude += height, contexts += height) {
    model.enter(j);
    for (std::uint32_t y = 0; y < height; ++y) {
      const CodeContext context = model.context(y);
      const std::uint32_t symbol = lanes.take(model.table(context), y);
      column.symbols.data()[y] = static_cast<std::uint8_t>(symbol);
      magnitude[y] = symbol;
      contexts[y] = context;
      block.shifted |= context.shift != 0;
      if (symbol == escape_symbol(context.code_class)) block.escapes.push_back(at + y);
    }
    if (model.predicted()) read_signs(model, lanes, height, at, column, block);
    if (model.trellis()) read_parities(model, lanes, height, at, column, block);
    lanes.check();
    model.learn(column);
  }
}

[[noreturn]] void throw_too_large() {
  throw_corrupt("a code does not fit into 32 bits");
}

void add_plain_magnitudes(BitReader& plain, std::size_t count, Block& block) {
  for (const std::size_t at : block.escapes) {
    const std::uint32_t more = plain.take_gamma() - 1;
    if (more > ~block.magnitude[at]) throw_too_large();
    block.magnitude[at] += more;
  }
  if (!block.shifted) return;
  for (std::size_t at = 0; at < count; ++at) {
    const std::uint32_t shift = block.contexts[at].shift;
    if (shift == 0) continue;
    if (block.magnitude[at] > ~0u >> shift) throw_too_large();
    block.magnitude[at] = block.magnitude[at] << shift | plain.take(shift);
  }
}

std::int32_t checked_code(std::int64_t code) {
  if (code != static_cast<std::int32_t>(code)) throw_too_large();
  return static_cast<std::int32_t>(code);
}

void add_plain_signs(BitReader& plain, std::uint64_t cols, std::uint32_t height, Block& block) {
  std::size_t at = 0;
  for (std::uint64_t j = 0; j < cols; ++j) {
    std::int32_t* to = block.codes.data() + j;
    for (std::uint32_t y = 0; y < height; ++y, ++at, to += cols) {
      const std::uint32_t magnitude = block.magnitude[at];
      const std::uint32_t negative = plain.take_if(block.contexts[at].has_sign(magnitude));
      *to = checked_code(block.contexts[at].residual(magnitude, negative != 0));
    }
  }
}

// Where a residual is folded its sign follows from its parity.
void add_trellis_signs(BitReader& plain, std::uint64_t cols, std::uint32_t height, Block& block) {
  std::size_t at = 0;
  for (std::uint64_t j = 0; j < cols; ++j) {
    std::int32_t* to = block.codes.data() + j;
    for (std::uint32_t y = 0; y < height; ++y, ++at, to += cols) {
      const CodeContext context = block.contexts[at];
      const std::uint32_t magnitude = block.magnitude[at], odd_parity = block.parity[at] ^ (magnitude & 1);
      if (!context.folded() && odd_parity != 0) throw_corrupt("a code does not follow its trellis");
      const bool negative = context.folded() ? odd_parity != 0 : plain.take_if(magnitude != 0) != 0;
      *to = checked_code(2 * context.residual(magnitude, negative) + (context.odd ? 1 : 0));
    }
  }
}

void add_predictions(std::uint64_t cols, std::uint32_t height, Block& block) {
  std::size_t at = 0;
  for (std::uint64_t j = 0; j < cols; ++j) {
    std::int32_t* to = block.codes.data() + j;
    for (std::uint32_t y = 0; y < height; ++y, ++at, to += cols) {
      const std::int64_t residual = block.contexts[at].residual(block.magnitude[at], block.negative[at] != 0);
      *to = checked_code(block.predictions[at] + residual);
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
  Block block(std::min(rows, model.most_rows()) * cols, parameters.predicted, parameters.trellis);
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
    if (parameters.predicted)
      add_predictions(cols, height, block);
    else if (parameters.trellis)
      add_trellis_signs(plain, cols, height, block);
    else
      add_plain_signs(plain, cols, height, block);
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
