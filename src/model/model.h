// A model file as a list of weights plus the graph that uses them. The file is walked field by field, never
// parsed into memory: only names, dimensions and places are kept, so a model of any size opens in the memory
// of its graph.
//
// Weights: float32/float16/bfloat16/float64 tensors of at least kMinWeightElements elements (unless another
// number is given): initializers of the main graph, of subgraphs (If, Loop, Scan bodies) and functions,
// `value` of Constant nodes, float tensors of a safetensors file. Everything else belongs to the skeleton and
// passes through byte for byte.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/input_file.h"
#include "tensor/weight_data.h"

namespace tt::model {

inline constexpr std::uint64_t kMinWeightElements = 16;

// Smaller payloads stay inline; larger ones start where a runtime can map them.
inline constexpr std::uint64_t kExternalBytes = 1024, kExternalAlignment = 4096;

enum class FileFormat { onnx, safetensors };

// A matrix that gives query, key and value in one (fused projection) counts as attention_v, the most
// sensitive of the three; a table that is also the head counts as embedding.
enum class Role {
  attention_q,
  attention_k,
  attention_v,
  attention_out,
  ffn_up,
  ffn_gate,
  ffn_down,
  embedding,
  head,
  conv,
  depthwise,
  recurrent,
  dense,  // a matrix of a MatMul or Gemm that is none of the above
  norm,   // scale, shift, mean or variance of a normalisation
  bias,   // added to a layer's output
  other,  // not used by a layer: masks, anchors, position tables that are only added
};
std::string role_name(Role role);  // "attention.q", ..., as in `role:` patterns and reports
// True for the roles whose weights are matrices or kernels of a layer (lossy encodings are allowed by
// default).
bool is_layer_role(Role role);

// How the elements lie in the source file.
enum class PayloadForm {
  flat,      // little-endian elements, C order (raw_data, packed float_data/double_data, external data,
             // safetensors)
  varint16,  // int32_data of float16/bfloat16: canonical varints
};

// Where a payload lies: `length` bytes at `offset` of file `file` (0 = the model file, then the external data
// files).
struct Place {
  std::uint32_t file = 0;
  std::uint64_t offset = 0, length = 0;
  PayloadForm form = PayloadForm::flat;
};

struct Weight {
  std::string name;  // unique in the model: subgraph weights are qualified "if_node/then_branch/w"
  tensor::WeightLayout
      layout;  // matrix view: dense and recurrent as stored; kernels dim0 x rest; vectors 1 x n
  Role role = Role::other;
  std::vector<std::string> nodes;     // names (else first output names) of the nodes that use it
  std::vector<std::string> op_types;  // of those nodes, same order
  Place place;
};

struct SourceFile {
  std::string location;  // as in external_data, relative to the model's folder; empty for the model file
  base::InputFile file;
};

struct OpenOptions {
  bool allow_symlinks = false;
};

// Pieces of an output file in order: `literal` bytes taken from the skeleton's literals, then the payload of
// `weight` if there is one.
inline constexpr std::uint32_t kNoWeight = 0xffffffff;
struct Piece {
  std::uint64_t literal = 0;
  std::uint32_t weight = kNoWeight;
  PayloadForm form = PayloadForm::flat;
};
struct SkeletonFile {
  std::string location;  // empty for the model file
  std::vector<Piece> pieces;
};
// The model without its weights: all literal bytes, file after file, and where the payloads go between them.
struct Skeleton {
  base::Bytes literals;
  std::vector<SkeletonFile> files;
};

// The node of the main graph that gives an output of the model, seen through Identity, Cast and Dropout.
struct Producer {
  std::string op;
  std::int64_t axis = 0;  // the attribute of this name, 0 without one
};

class Model {
 public:
  // Walks the file and its graph. Format by content: a safetensors header or an ONNX protobuf; a .tt file is
  // refused with a hint. Errors: not_found; bad_data (malformed, with the field path and what is wrong);
  // resource_limit (more than 2e6 submessages, deeper than 32 graphs, names above 64 KiB in total 256 MiB);
  // unsupported.
  static Model open(const std::string& path, const OpenOptions& options = {});
  static Model open(base::InputFile file, const std::string& folder, const OpenOptions& options = {});
  // External data only from the files `beside`, by their locations; nothing is opened. A weight has at least
  // `min_elements` >= 1 elements; a scalar without dimensions is never one. Errors: also bad_data for any
  // other location.
  static Model open(base::InputFile file, std::vector<SourceFile> beside,
                    std::uint64_t min_elements = kMinWeightElements);

  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;
  ~Model();

  FileFormat format() const;
  const std::vector<Weight>& weights() const;
  const std::vector<SourceFile>& files() const;
  std::uint64_t bytes() const;             // all files together
  bool plain_locations() const;            // every external tensor names its file exactly as files() does
  std::vector<std::string> notes() const;  // what passes through unchanged and why ("114 int8 tensors",
                                           // "tensor 'w': payload in two pieces")
  // Empty for names that are no output, inputs and constants that are one, and safetensors files.
  std::optional<Producer> producer(const std::string& output) const;

  // The payload as flat little-endian elements (varint16 decoded).
  tensor::WeightData read(const Weight& weight) const;

  // Every file as it is, byte for byte, with the payloads cut out.
  Skeleton exact_skeleton() const;
  // One file: external data and varint16 payloads become raw_data of the model file. Errors: unsupported if
  // that is above 2 GB (protobuf's limit); then exact_skeleton() is the one to use. The same as
  // exact_skeleton() where nothing is to be changed.
  Skeleton inline_skeleton() const;
  // Two files: payloads of inline initializers of the main graph of at least kExternalBytes move to
  // `location`, each at a multiple of kExternalAlignment. Constant nodes and subgraphs keep theirs (runtimes
  // expect it). Errors: usage for a safetensors file, a model with external data already, or a location that
  // is not a plain file name.
  Skeleton external_skeleton(const std::string& location) const;

  // The graph, for the files of this folder (model/model_state.h).
  struct State;
  const State& state() const { return *state_; }

 private:
  static Model walk(base::InputFile file, std::uint64_t min_elements,
                    const std::function<void(State&)>& resolve);
  explicit Model(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tt::model
