#include "api/core/decode_selector.h"

namespace stowage::api {

void read(JsonValue value, SelectorRequirement& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    if (key == "key") return read(item, out.key);
    if (key == "operator") return read(item, out.op);
    if (key == "values") return read(item, out.values);
  });
}

void read(JsonValue value, LabelSelector& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    if (key == "matchLabels") return read(item, out.match_labels);
    if (key == "matchExpressions") return read(item, out.match_expressions);
  });
}

void read(JsonValue value, NodeSelectorTerm& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    if (key == "matchExpressions") return read(item, out.match_expressions);
    if (key == "matchFields") return read(item, out.match_fields);
  });
}

void read(JsonValue value, NodeSelector& out) {
  value.object([&out](std::string_view key, JsonValue item) {
    if (key == "nodeSelectorTerms") return read(item, out.terms);
  });
}

}  // namespace stowage::api
