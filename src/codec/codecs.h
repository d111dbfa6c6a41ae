// The codecs behind the table of codec_table.cc, and what they share.
#pragma once

#include "codec/codec.h"

namespace tt::codec {

const Codec& raw_codec();
const Codec& lossless_codec();
const Codec& f16_codec();
const Codec& lowrank_codec();
const Codec& tt_codec();
const Codec& rounded_codec();
const Codec& quant_codec();
const Codec& blockquant_codec();
const Codec& tucker_codec();

// Payload bytes given to a sink at a time.
inline constexpr std::uint64_t kPieceBytes = std::uint64_t{1} << 22;

// Errors: bad_data if the sizes of the layout overflow or contradict each other.
void check_layout(const WeightLayout& layout);
// Errors: corrupt unless there are exactly the cores `layouts` describes (coded cores may have any size).
void check_cores(const std::vector<CoreLayout>& layouts, const CoreReader& cores);
// Of encodings that store one core, coded.
std::vector<CoreLayout> one_coded_core();
// Errors: usage unless the encoding has exactly one of the keys 'rate' and 'step'.
void check_fineness(const Encoding& encoding);
base::Bytes whole_core(const CoreReader& cores, std::size_t core);
Core coded_core(base::Bytes bytes);
// Reads a whole typed core as float32. The size was checked by check_cores().
std::vector<float> read_core(const CoreLayout& layout, const CoreReader& cores, std::size_t core);
// The factors of a `lowrank` weight, typed or coded. Errors: corrupt.
tensor::LowRank read_low_rank(const WeightLayout& layout, const Encoding& encoding, const CoreReader& cores);
// The values of `left` (rows x rank) times `right` (rank x cols), converted to the weight's type, to `sink`
// in blocks of rows.
void stream_product(const WeightLayout& layout, std::span<const float> left, std::vector<float> right,
                    std::uint64_t rows, std::uint64_t rank, std::uint64_t cols, const PayloadSink& sink);

}  // namespace tt::codec
