#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/apply/managed_fields.h"
#include "sandbox/apiserver/apply/shape.h"
#include "sandbox/apiserver/json_io.h"

// A created object belongs to its creator as a whole, so its managedFields are one walk over the object that
// writes text. The general way (compare(), sets of fields, trees) finds the same in some five times the time.

namespace stowage::sandbox {
namespace {

constexpr std::array<std::string_view, 2> kUnownedRoot = {"apiVersion", "kind"};
constexpr std::array<std::string_view, 8> kUnownedMetadata = {
    "name", "namespace",  "creationTimestamp", "selfLink",
    "uid",  "generation", "managedFields",     "resourceVersion"};

template <size_t N>
bool one_of(std::string_view word, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

class OwnedText {
 public:
  explicit OwnedText(std::string& out) : out_(out) {}

  /// The members of the object itself: nobody owns the object as such.
  void root(const Json& object, const Schema& schema) {
    out_ += '{';
    for (const auto& [key, value] : object.get_ref<const Json::object_t&>()) {
      if (one_of(key, kUnownedRoot)) continue;
      const Member m = member(schema, key);
      if (key == "metadata" && value.is_object()) {
        metadata(value, *m.schema);
      } else {
        field(key, value, m, present(schema, m, true));
      }
    }
    out_ += '}';
  }

 private:
  static bool present(const Schema& owner, const Member& m, bool parent) {
    return m.field != nullptr && parent && never_absent(owner, *m.field);
  }

  void separate() {
    if (out_.back() != '{') out_ += ',';
  }

  void metadata(const Json& value, const Schema& schema) {
    const size_t start = out_.size();
    separate();
    out_ += R"("f:metadata":{)";
    const size_t empty = out_.size();
    for (const auto& [key, part] : value.get_ref<const Json::object_t&>()) {
      if (one_of(key, kUnownedMetadata)) continue;
      const Member m = member(schema, key);
      field(key, part, m, present(schema, m, true));
    }
    if (out_.size() == empty) {
      out_.resize(start);
    } else {
      out_ += '}';
    }
  }

  void field(const std::string& key, const Json& value, const Member& m, bool always) {
    if (value.is_null()) return;
    const size_t start = out_.size();
    separate();
    element_.assign("f:");
    element_ += key;
    write_json_string(out_, element_);
    out_ += ':';
    if (!inside(value, *m.schema, m.atomic, always)) out_.resize(start);
  }

  /// What is owned at and below a value; false when that is nothing.
  bool inside(const Json& value, const Schema& schema, bool atomic, bool always) {
    const bool list = value.is_array() && associative(schema);
    if (atomic || !(list || value.is_object()) || value.empty()) {
      out_ += "{}";
      return true;
    }
    out_ += '{';
    const size_t empty = out_.size();
    if (list) {
      items(value, schema);
    } else {
      for (const auto& [key, part] : value.get_ref<const Json::object_t&>()) {
        const Member m = member(schema, key);
        field(key, part, m, present(schema, m, always));
      }
    }
    const bool bare = out_.size() == empty;
    if (!bare && !always) out_.insert(empty, R"(".":{},)");  // the struct or list itself
    out_ += '}';
    return !bare || !always;
  }

  void items(const Json& list, const Schema& schema) {
    std::vector<std::pair<std::string, const Json*>> sorted;
    sorted.reserve(list.size());
    for (const Json& item : list) {
      std::string element = item_element(schema, item);
      if (!element.empty()) sorted.emplace_back(std::move(element), &item);
    }
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (size_t i = 0; i < sorted.size(); ++i) {
      if (i + 1 < sorted.size() && sorted[i + 1].first == sorted[i].first) continue;  // the last one counts
      if (sorted[i].second->is_null()) continue;
      const size_t start = out_.size();
      separate();
      write_json_string(out_, sorted[i].first);
      out_ += ':';
      if (!inside(*sorted[i].second, *schema.items, schema.items->atomic, false)) out_.resize(start);
    }
  }

  std::string& out_;
  std::string element_;
};

}  // namespace

void track_create(Json& object, const Schema& schema, const Writer& writer, WallTime now) {
  std::string text = R"([{"apiVersion":)";
  text.reserve(1024);
  write_json_string(text, writer.api_version);
  text += R"(,"fieldsType":"FieldsV1","fieldsV1":)";
  const size_t start = text.size();
  OwnedText(text).root(object, schema);
  if (text.size() == start + 2) {
    object["metadata"].erase("managedFields");
    return;
  }
  text += R"(,"manager":)";
  write_json_string(text, writer.manager);
  text += R"(,"operation":"Update")";
  if (!writer.subresource.empty()) {
    text += R"(,"subresource":)";
    write_json_string(text, writer.subresource);
  }
  text += R"(,"time":)";
  write_json_string(text, format_rfc3339(now));
  text += "}]";
  object["metadata"]["managedFields"] = raw_json(text);
}

}  // namespace stowage::sandbox
