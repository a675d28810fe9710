#include "gpu-scheduler/feasible/kube_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "api/core/json_walk.h"

namespace stowage::feasible {
namespace {

struct RawList {
  std::string kind;
  std::vector<std::string> items;
};

Result<RawList> split(std::string_view json) {
  RawList out;
  TRY_VOID(api::read_json(json, [&out](api::JsonValue root) {
    root.object([&out](std::string_view key, api::JsonValue value) {
      if (key == "kind") return read(value, out.kind);
      if (key == "items") value.array([&out](api::JsonValue item) { out.items.push_back(item.raw()); });
    });
  }));
  if (!out.kind.ends_with("List"))
    return fail(
        Code::kMalformed,
        fmt::format("kind is \"{}\": want a v1 List, as `kubectl get ... -o json` prints it", out.kind));
  return out;
}

Result<std::string> kind_of(std::string_view item) {
  std::string kind;
  TRY_VOID(api::read_json(item, [&kind](api::JsonValue root) {
    root.object([&kind](std::string_view key, api::JsonValue value) {
      if (key == "kind") read(value, kind);
    });
  }));
  return kind;
}

template <class T>
Result<void> append(Result<T> object, std::vector<T>& to) {
  if (!object) return std::unexpected(std::move(object).error());
  to.push_back(*std::move(object));
  return {};
}

template <class T>
Result<void> put(Result<T> object, std::map<std::string, std::shared_ptr<const T>, std::less<>>& to) {
  if (!object) return std::unexpected(std::move(object).error());
  const std::string key = object->meta.key();
  to.insert_or_assign(key, std::make_shared<const T>(*std::move(object)));
  return {};
}

Result<void> add(std::string_view kind, std::string_view item, KubeList& out) {
  if (kind == "Node") return append(api::decode_node(item), out.nodes);
  if (kind == "Pod") return append(api::decode_pod(item), out.pods);
  if (kind == "Namespace") return append(api::decode_namespace(item), out.namespaces);
  if (kind == "PersistentVolumeClaim") return put(api::decode_claim(item), out.claims);
  if (kind == "PersistentVolume") return put(api::decode_volume(item), out.volumes);
  if (kind == "StorageClass") return put(api::decode_storage_class(item), out.classes);
  return {};
}

/// `common` is the kind of items that carry none.
Result<void> add_item(std::string_view item, std::string_view common, KubeList& out) {
  TRY(const std::string kind, kind_of(item));
  return add(kind.empty() ? common : std::string_view(kind), item, out);
}

/// Length of the JSON object at the front of `text`, or npos when it does not end.
size_t object_length(std::string_view text) {
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0)
    text.remove_prefix(1);
  return text;
}

}  // namespace

Result<KubeList> decode_list(std::string_view json) {
  TRY(const RawList raw, split(json));
  KubeList out;
  const std::string_view common = std::string_view(raw.kind).substr(0, raw.kind.size() - 4);
  for (size_t position = 0; position < raw.items.size(); ++position) {
    const std::string& item = raw.items[position];
    if (auto added = add_item(item, common, out); !added)
      return std::unexpected(std::move(added).error().context(fmt::format("items[{}]", position)));
  }
  return out;
}

Result<void> each_document(std::string_view text,
                           const std::function<Result<void>(std::string_view document, bool only)>& use) {
  const std::string_view whole = text;
  const auto line = [&] { return 1 + std::ranges::count(whole.substr(0, whole.size() - text.size()), '\n'); };
  bool first = true;
  for (text = without_blanks(text); !text.empty(); first = false) {
    if (text.front() != '{')
      return fail(Code::kMalformed, fmt::format("line {}: want a JSON object", line()));
    const size_t length = object_length(text);
    if (length == std::string_view::npos)
      return fail(Code::kMalformed,
                  fmt::format("the JSON object that begins in line {} does not end", line()));
    const std::string_view document = text.substr(0, length);
    text = without_blanks(text.substr(length));
    TRY_VOID(use(document, first && text.empty()));
  }
  return {};
}

}  // namespace stowage::feasible
