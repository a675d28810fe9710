#include "controllers/model_deployment/placeholders.h"

#include <fmt/format.h>

namespace stowage::model_deployment {

Result<ModelPath> resolve_model(const std::string& uri) {
  ModelPath out;
  const size_t colon = uri.find("://");
  const std::string scheme = uri.substr(0, colon);
  const std::string rest = colon == std::string::npos ? "" : uri.substr(colon + 3);
  if (scheme == "hf") {
    out.path = out.repository = rest;
    return out;
  }
  if (scheme == "pvc") {
    const size_t slash = rest.find('/');
    out.claim = rest.substr(0, slash);
    const std::string inside = slash == std::string::npos ? "" : rest.substr(slash);
    out.path = out.file = "/models" + (inside == "/" ? "" : inside);
    return out;
  }
  return fail(
      Code::kUnsupported,
      fmt::format("models are loaded from hf:// and pvc:// only, not from {}://: copy the weights to a "
                  "PersistentVolumeClaim and set spec.model.uri to pvc://claim/path",
                  scheme));
}

Placeholders placeholders(const api::ModelDeployment& deployment, const api::ModelRuntime& runtime,
                          const Shape& shape, const ModelPath& model) {
  const auto text = [](int64_t number) { return fmt::format("{}", number); };
  const auto& p = shape.parallelism;
  const std::string& served = deployment.spec.model.served_name;
  return {
      {"model.path", model.path},
      {"model.repository", model.repository},
      {"model.file", model.file},
      {"model.revision", deployment.spec.model.revision},
      {"model.servedName", served.empty() ? deployment.meta.name : served},
      {"tensorParallel", text(p.tensor)},
      {"pipelineParallel", text(p.pipeline)},
      {"dataParallel", text(p.data)},
      {"devicesPerNode", text(shape.per_node)},
      {"nodes", text(shape.nodes)},
      {"worldSize", text(shape.world())},
      {"port", text(runtime.spec.port)},
      {"leader.port", text(runtime.spec.multi_node ? runtime.spec.multi_node->port : runtime.spec.port)},
      {"leader.address", "{{leader.address}}"},
      {"rank", "{{rank}}"},
  };
}

Result<std::string> substitute(std::string_view text, const Placeholders& values, bool& empty) {
  std::string out;
  while (true) {
    const size_t open = text.find("{{");
    const size_t close = open == std::string_view::npos ? open : text.find("}}", open);
    if (close == std::string_view::npos) return out.append(text);
    const std::string_view name = text.substr(open + 2, close - open - 2);
    const auto value = values.find(name);
    if (value == values.end()) {
      std::string known;
      for (const auto& [key, filled] : values)
        known += (known.empty() ? "" : ", ") + key;
      return fail(
          Code::kInvalidArgument,
          fmt::format(
              "unknown placeholder {{{{{}}}}} in \"{}\": an argument or variable of the runtime or of "
              "spec.runtime may use {}",
              name, text.substr(0, 100), known));
    }
    empty = empty || value->second.empty();
    out.append(text.substr(0, open)).append(value->second);
    text.remove_prefix(close + 2);
  }
}

Result<std::vector<std::string>> substitute_all(const std::vector<std::string>& texts,
                                                const Placeholders& values) {
  std::vector<std::string> out;
  for (const auto& text : texts) {
    bool empty = false;
    TRY(std::string done, substitute(text, values, empty));
    if (!empty) out.push_back(std::move(done));
  }
  return out;
}

}  // namespace stowage::model_deployment
