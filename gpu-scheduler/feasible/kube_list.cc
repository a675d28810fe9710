#include "gpu-scheduler/feasible/kube_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "api/core/json_walk.h"
#include "gpu-scheduler/feasible/check_objects.h"

namespace stowage::feasible {
namespace {

struct RawItem {
  std::string text;
  size_t offset;  ///< In the list's text.
};

struct RawList {
  std::string kind;
  std::vector<RawItem> items;
};

Result<RawList> split(std::string_view json) {
  RawList out;
  TRY_VOID(api::read_json(json, [&out](api::JsonValue root) {
    root.object([&out](std::string_view key, api::JsonValue value) {
      if (key == "kind") return read(value, out.kind);
      if (key == "items") {
        value.array([&out](api::JsonValue item) {
          const size_t offset = item.offset();
          out.items.push_back({.text = item.raw(), .offset = offset});
        });
      }
    });
  }));
  if (!out.kind.ends_with("List")) {
    return fail(
        Code::kMalformed,
        fmt::format("kind is \"{}\": want a v1 List, as `kubectl get ... -o json` prints it", out.kind));
  }
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

Error named_twice(std::string_view kind, std::string_view key) {
  return {.code = Code::kInvalidArgument,
          .message = fmt::format("metadata.name: another {} of the list is \"{}\" too: keep one of them",
                                 kind, key)};
}

/// Reads one list's items in order.
class Reader {
 public:
  explicit Reader(KubeList& out) : out_(out) {}

  Result<void> add(std::string_view kind, std::string_view item, Place place) {
    if (kind == "Node") return add_node(api::decode_node(item), place);
    if (kind == "Pod") return append(api::decode_pod(item), out_.pods, place);
    if (kind == "Namespace") return add_namespace(api::decode_namespace(item));
    if (kind == "PersistentVolumeClaim") return put(kind, api::decode_claim(item), out_.claims);
    if (kind == "PersistentVolume") return put(kind, api::decode_volume(item), out_.volumes);
    if (kind == "StorageClass") return put(kind, api::decode_storage_class(item), out_.classes);
    return {};
  }

 private:
  template <class T>
  static Result<void> append(Result<T> object, std::vector<Listed<T>>& to, Place place) {
    if (!object) return std::unexpected(std::move(object).error());
    TRY_VOID(check(*object));
    to.push_back({*std::move(object), place});
    return {};
  }

  Result<void> add_node(Result<api::Node> node, Place place) {
    TRY_VOID(append(std::move(node), out_.nodes, place));
    const std::string& name = out_.nodes.back().object.meta.name;
    if (!nodes_.insert(name).second) return std::unexpected(named_twice("Node", name));
    return {};
  }

  Result<void> add_namespace(Result<api::Namespace> name_space) {
    if (!name_space) return std::unexpected(std::move(name_space).error());
    TRY_VOID(check_name(name_space->meta));
    out_.namespaces.push_back(*std::move(name_space));
    return {};
  }

  template <class T>
  static Result<void> put(std::string_view kind, Result<T> object,
                          std::map<std::string, std::shared_ptr<const T>, std::less<>>& to) {
    if (!object) return std::unexpected(std::move(object).error());
    TRY_VOID(check(*object));
    const std::string key = object->meta.key();
    if (!to.emplace(key, std::make_shared<const T>(*std::move(object))).second)
      return std::unexpected(named_twice(kind, key));
    return {};
  }

  KubeList& out_;
  std::set<std::string, std::less<>> nodes_;
};

}  // namespace

Error Place::context(Error error) const {
  error.message = fmt::format("{}: items[{}]: {}", line, item, error.message);
  return error;
}

Result<KubeList> decode_list(std::string_view json, size_t first_line) {
  auto raw = split(json);
  if (!raw) {
    raw.error().message = fmt::format("{}: {}", first_line, raw.error().message);
    return std::unexpected(std::move(raw).error());
  }
  KubeList out;
  Reader reader(out);
  Place place{.line = first_line};
  size_t seen = 0;
  const std::string_view common = std::string_view(raw->kind).substr(0, raw->kind.size() - 4);
  for (const RawItem& item : raw->items) {
    place.line += static_cast<size_t>(std::ranges::count(json.substr(seen, item.offset - seen), '\n'));
    seen = item.offset;
    const auto kind = kind_of(item.text);
    auto added = kind ? reader.add(kind->empty() ? common : std::string_view(*kind), item.text, place)
                      : Result<void>(std::unexpected(kind.error()));
    if (!added) return std::unexpected(place.context(std::move(added).error()));
    ++place.item;
  }
  return out;
}

}  // namespace stowage::feasible
