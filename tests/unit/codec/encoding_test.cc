#include "codec/encoding.h"

#include <doctest/doctest.h>

#include "base/error.h"
#include "codec/codec.h"

using namespace tt;
using codec::Encoding;
using codec::Format;

TEST_CASE("canonical specs read back to themselves") {
  for (const char* spec : {"raw",
                           "lossless",
                           "f16",
                           "f16,mantissa=7",
                           "rounded,mantissa=14",
                           "quant,rate=3",
                           "quant,rate=2.625",
                           "blockquant,bits=4,group=32",
                           "blockquant,bits=8,group=0,axis=0",
                           "blockquant,bits=4,group=128,axis=1",
                           "quant,step=0.05",
                           "quant,step=1e-05",
                           "quant",
                           "lowrank,rank=32,dtype=f16",
                           "lowrank,step=0.2",
                           "tucker,step=0.2",
                           "tucker,rate=2",
                           "lowrank,rank=7,step=0.2",
                           "lowrank,rate=0.5",
                           "lowrank,rank=1,dtype=f32",
                           "tt,modes=4x16x4x16,ranks=8x8x8,dtype=f16",
                           "lowrank,dtype=f16",
                           "tt,dtype=f16",
                           "tt,modes=12,dtype=f32"}) {
    CHECK(codec::spec_of(codec::parse_spec(spec)) == spec);
  }
}

TEST_CASE("keys stand in any order, defaults are filled in") {
  CHECK(codec::spec_of(codec::parse_spec("tt,dtype=f32,ranks=3,modes=4x5")) ==
        "tt,modes=4x5,ranks=3,dtype=f32");
  CHECK(codec::spec_of(codec::parse_spec("lowrank,rank=4")) == "lowrank,rank=4,dtype=f16");
  CHECK(codec::spec_of(codec::parse_spec("f16,mantissa=10")) == "f16");
  CHECK(codec::spec_of(codec::parse_spec("blockquant")) == "blockquant,bits=4,group=32");
  CHECK(codec::parse_spec("lowrank").rank == 0);
}

TEST_CASE("anything else is a usage error with a hint") {
  const char* const wrong[] = {"",
                               "RAW",
                               "raw,",
                               "raw,rank=1",
                               "f16,mantissa=0",
                               "f16,mantissa=11",
                               "rounded,mantissa=52",
                               "rounded,rank=2",
                               "f16,mantissa=+1",
                               "f16,mantissa=",
                               "f16,mantissa",
                               "lowrank,rank=0",
                               "lowrank,rank=01",
                               "lowrank,rank=-1",
                               "lowrank,rank=1.5",
                               "lowrank,rank=1 ",
                               "lowrank, rank=1",
                               "lowrank,rank=99999999999999999999",
                               "lowrank,rank=1,rank=2",
                               "lowrank,dtype=bf16",
                               "lowrank,modes=2x2",
                               "tt,modes=",
                               "tt,modes=4x",
                               "tt,modes=x4",
                               "tt,modes=4X4",
                               "tt,modes=0x4",
                               "tt,modes=1x1x1x1x1x1x1x1x1",
                               "tt,ranks=1x1x1x1x1x1x1x1",
                               "tt,modes=4x4,ranks=2x2",
                               "tt,modes=4x4,,ranks=2",
                               "lossless\n",
                               "quant,rate=0",
                               "quant,rate=-1",
                               "quant,rate=24.5",
                               "quant,rate=inf",
                               "quant,rate=nan",
                               "quant,rate=3x",
                               "quant,rate= 3",
                               "quant,step=0",
                               "quant,step=1001",
                               "quant,rate=3,step=0.1",
                               "lowrank,step=0.1,dtype=f16",
                               "lowrank,rate=1,step=0.1",
                               "tucker,rank=3",
                               "tucker,dtype=f16",
                               "quant,rank=3",
                               "blockquant,bits=3",
                               "blockquant,bits=08",
                               "blockquant,group=8",
                               "blockquant,group=48",
                               "blockquant,group=131072",
                               "blockquant,group=-32",
                               "blockquant,axis=2",
                               "blockquant,rate=3",
                               "quant,bits=4",
                               "superquant"};
  for (const char* spec : wrong) {
    CAPTURE(spec);
    bool refused = false;
    try {
      codec::parse_spec(spec);
    } catch (const base::Error& error) {
      refused = error.kind() == base::ErrorKind::usage && !error.hint().empty();
    }
    CHECK(refused);
  }
}

TEST_CASE("the table has every format at its place") {
  for (const Format format : codec::all_formats()) {
    CHECK(codec::codec_for(format).format() == format);
    CHECK(codec::parse_spec(std::string(codec::format_name(format))).format == format);
  }
  CHECK(codec::all_formats().size() == 9);
}
