// Containers made of generated weights, for the tests of this folder.
#pragma once

#include <string>
#include <vector>

#include "container/container.h"

namespace tt::container {

// A weight of pseudo-random values (a fixed generator, so the same on every machine), encoded as `spec` says.
EncodedWeight make_weight(const std::string& name, const tensor::Shape& shape, const std::string& spec,
                          tensor::DType dtype = tensor::DType::f32);
tensor::WeightData make_data(const tensor::Shape& shape, tensor::DType dtype, std::uint64_t seed);

// A manifest whose pieces place the weights one after the other, 3 literal bytes before each and 5 at the
// end.
Manifest make_manifest(std::size_t weights);
base::Bytes make_literals(std::size_t weights);

std::vector<const EncodedWeight*> pointers(const std::vector<EncodedWeight>& weights);
// The bytes of the file; the written size must be what size() said.
base::Bytes write_bytes(const Manifest& manifest, base::ByteView literals,
                        const std::vector<EncodedWeight>& weights);
base::Bytes write_bytes(const std::vector<EncodedWeight>& weights);
Container open_bytes(base::Bytes bytes);

// Opens and checks everything that has a hash, as a careful caller would.
void open_and_check(const base::Bytes& bytes);
// The error of open_and_check() as "kind: message", or "" if it finds nothing wrong.
std::string error_of(const base::Bytes& bytes);

// One weight of each encoding, about 6 kB.
std::vector<EncodedWeight> every_encoding();

}  // namespace tt::container
