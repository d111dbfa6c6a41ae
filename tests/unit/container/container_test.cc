#include "container/container.h"

#include <doctest/doctest.h>

#include <limits>

#include "base/error.h"
#include "generated.h"

using namespace tt;
using namespace tt::container;

TEST_CASE("what is written is read back, weight by weight") {
  const auto weights = every_encoding();
  const base::Bytes bytes = write_bytes(weights);
  const Container container = open_bytes(bytes);
  const Manifest& manifest = container.manifest();
  REQUIRE(manifest.weights.size() == weights.size());
  for (std::size_t w = 0; w < weights.size(); ++w) {
    const WeightEntry &got = manifest.weights[w], &put = weights[w].entry;
    CHECK(got.name == put.name);
    CHECK(got.role == put.role);
    CHECK(got.layout.dtype == put.layout.dtype);
    CHECK(got.layout.shape == put.layout.shape);
    CHECK(got.layout.rows == put.layout.rows);
    CHECK(got.layout.cols == put.layout.cols);
    CHECK(got.encoding == put.encoding);
    CHECK(got.predicted_error == put.predicted_error);
    CHECK(got.measured_error == put.measured_error);
    CHECK(got.target_size == put.layout.payload_size());
    const auto cores = container.cores(w);
    REQUIRE(cores->count() == weights[w].cores.size());
    for (std::size_t c = 0; c < cores->count(); ++c) {
      base::Bytes core(cores->size(c));
      cores->read(c, 0, core);
      CHECK(core == weights[w].cores[c].bytes);
      CHECK_THROWS_AS(cores->read(c, 1, core), base::Error);
    }
    container.check_weight(w);
    CHECK(codec::decode_all(got.layout, got.encoding, *cores) ==
          codec::decode_all(put.layout, put.encoding, codec::MemoryCores(weights[w].cores)));
  }
  CHECK(container.size().total == bytes.size());
}

TEST_CASE("general fields of the manifest survive") {
  const auto weights = every_encoding();
  Manifest manifest = make_manifest(weights.size());
  manifest.exact = true;
  manifest.source_format = model::FileFormat::safetensors;
  manifest.seed = std::numeric_limits<std::uint64_t>::max();
  manifest.sources.push_back({"sub/weights.bin", 99, base::sha256(base::view_of("external"))});
  manifest.files.push_back(
      {"sub/weights.bin", {{0, 2, model::PayloadForm::flat}, {0, 1, model::PayloadForm::flat}}});
  const Manifest got = open_bytes(write_bytes(manifest, make_literals(weights.size()), weights)).manifest();
  CHECK(got.tool_version == "0.1.0");
  CHECK(got.exact);
  CHECK(got.source_format == model::FileFormat::safetensors);
  CHECK(got.seed == manifest.seed);
  CHECK(got.options.dump() == manifest.options.dump());
  CHECK(got.cpu == "test");
  REQUIRE(got.sources.size() == 2);
  CHECK(got.sources[1].location == "sub/weights.bin");
  CHECK(got.sources[1].bytes == 99);
  CHECK(got.sources[1].sha256 == manifest.sources[1].sha256);
  REQUIRE(got.files.size() == 2);
  for (std::size_t f = 0; f < 2; ++f) {
    REQUIRE(got.files[f].pieces.size() == manifest.files[f].pieces.size());
    for (std::size_t p = 0; p < got.files[f].pieces.size(); ++p) {
      CHECK(got.files[f].pieces[p].literal == manifest.files[f].pieces[p].literal);
      CHECK(got.files[f].pieces[p].weight == manifest.files[f].pieces[p].weight);
    }
  }
}

TEST_CASE("varint payloads keep their form and size") {
  std::vector<EncodedWeight> weights{make_weight("flat", {20}, "raw"),
                                     make_weight("v", {20}, "raw", tensor::DType::f16)};
  weights[1].entry.target_size = 47;
  Manifest manifest = make_manifest(2);
  manifest.files[0].pieces[1].form = model::PayloadForm::varint16;
  const Manifest got = open_bytes(write_bytes(manifest, make_literals(2), weights)).manifest();
  CHECK(got.files[0].pieces[0].form == model::PayloadForm::flat);
  CHECK(got.files[0].pieces[1].form == model::PayloadForm::varint16);
  CHECK(got.weights[0].target_size == 80);
  CHECK(got.weights[1].target_size == 47);
}

TEST_CASE("errors of a certificate keep every bit; what is not finite is infinite") {
  std::vector<EncodedWeight> weights;
  const float values[] = {0.0f,   1.0f,        0.1f,       1e-30f, 3.4028235e38f, 1.17549435e-38f,
                          1e-45f, 0.33333334f, 16777216.0f};
  for (const float value : values) {
    weights.push_back(make_weight("w" + std::to_string(weights.size()), {16}, "raw"));
    weights.back().entry.predicted_error = value;
    weights.back().entry.measured_error = std::numeric_limits<float>::quiet_NaN();
  }
  const Manifest got = open_bytes(write_bytes(weights)).manifest();
  for (std::size_t i = 0; i < weights.size(); ++i) {
    CHECK(got.weights[i].predicted_error == values[i]);
    CHECK(got.weights[i].measured_error == std::numeric_limits<float>::infinity());
  }
}

TEST_CASE("literals come back through zstd") {
  for (const std::size_t count : {std::size_t{1}, std::size_t{1000}}) {
    std::vector<EncodedWeight> weights{make_weight("w", {16}, "raw")};
    Manifest manifest = make_manifest(1);
    manifest.files[0].pieces = {{5, 0, model::PayloadForm::flat},
                                {3 * count, model::kNoWeight, model::PayloadForm::flat}};
    const base::Bytes literals = make_literals(count);
    const Container container = open_bytes(write_bytes(manifest, literals, weights));
    base::Bytes got;
    container.check_skeleton();
    container.read_literals([&](base::ByteView piece) { got.insert(got.end(), piece.begin(), piece.end()); });
    CHECK(got == literals);
  }
}

TEST_CASE("a file without literals and a file without weights") {
  std::vector<EncodedWeight> weights{make_weight("w", {16}, "raw")};
  Manifest manifest = make_manifest(1);
  manifest.files[0].pieces = {{0, 0, model::PayloadForm::flat}};
  const Container bare = open_bytes(write_bytes(manifest, {}, weights));
  CHECK(bare.size().skeleton == 0);
  bare.check_skeleton();
  bare.read_literals([](base::ByteView) { FAIL("no literals"); });
  const base::Bytes empty = write_bytes({});
  open_and_check(empty);
  CHECK(open_bytes(empty).size().cores == 0);
}

TEST_CASE("the same input gives the same bytes") {
  CHECK(write_bytes(every_encoding()) == write_bytes(every_encoding()));
}

TEST_CASE("names that are not UTF-8 are escaped, locations that are not are refused") {
  const Manifest got = open_bytes(write_bytes({make_weight("a\xff", {16}, "raw")})).manifest();
  CHECK(got.weights[0].name == "a\\xff");
  Manifest manifest = make_manifest(0);
  manifest.sources.push_back({"\xff.bin", 1, {}});
  CHECK_THROWS_AS(write_bytes(manifest, make_literals(0), {}), base::Error);
}

TEST_CASE("a manifest that a reader would refuse is not written") {
  const auto refused = [](const Manifest& manifest, const std::vector<EncodedWeight>& weights,
                          base::ErrorKind kind) {
    try {
      write_bytes(manifest, make_literals(weights.size()), weights);
    } catch (const base::Error& error) {
      CHECK(error.kind() == kind);
      return;
    }
    FAIL("written");
  };
  Manifest manifest = make_manifest(0);
  manifest.files[0].pieces[0].literal = 6;
  refused(manifest, {}, base::ErrorKind::write_failed);
  manifest = make_manifest(0);
  manifest.cpu = std::string(20 << 20, 'x');
  refused(manifest, {}, base::ErrorKind::resource_limit);
  std::vector<EncodedWeight> weights{make_weight("w", {16}, "raw")};
  weights[0].cores[0].bytes.pop_back();
  refused(make_manifest(1), weights, base::ErrorKind::internal);
}

TEST_CASE("a .tt file is known by its first bytes") {
  const base::Bytes bytes = write_bytes(every_encoding());
  const auto looks = [](base::Bytes part) {
    return Container::looks_like(base::InputFile::from_bytes(std::move(part), "x"));
  };
  CHECK(looks(bytes));
  CHECK(looks(base::Bytes(bytes.begin(), bytes.begin() + 200)));
  CHECK_FALSE(looks({}));
  CHECK_FALSE(looks(base::Bytes(100, 0)));
  const std::string_view other = "\x02\0\0\0\0\0\0\0{}";
  CHECK_FALSE(looks(base::Bytes(other.begin(), other.end())));
}
