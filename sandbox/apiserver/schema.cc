#include "sandbox/apiserver/schema.h"

#include <nlohmann/json.hpp>

#include "base/check.h"

namespace stowage::sandbox {

extern const std::string_view kBuiltinSchema;

namespace {

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return out;
}

/// Words separated by single spaces, but for a default whose JSON may hold spaces: the table has none.
std::string_view next_word(std::string_view& text) {
  while (text.starts_with(' '))
    text.remove_prefix(1);
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  return word;
}

class Loader {
 public:
  explicit Loader(Builtins& out) : out_(out) {}

  void run(std::string_view text) {
    while (!text.empty()) {
      std::string_view line = text.substr(0, text.find('\n'));
      text.remove_prefix(std::min(text.size(), line.size() + 1));
      if (line.starts_with("resource ")) resource(line.substr(9));
      if (line.starts_with("type ")) type(line.substr(5));
    }
  }

 private:
  Schema* named(std::string_view name) {
    auto it = out_.types.find(name);
    if (it == out_.types.end()) {
      Schema* schema = out_.set.add();
      schema->type = Type::kObject;
      schema->type_name = name;
      it = out_.types.emplace(name, schema).first;
    }
    return it->second;
  }

  const Schema* parse_type(std::string_view word) {
    if (word.starts_with('@')) return named(word.substr(1));
    if (word.starts_with('[') || word.starts_with('{')) {
      const Schema* inner = parse_type(word.substr(1, word.size() - 2));
      Schema* schema = out_.set.add();
      schema->type = word[0] == '[' ? Type::kArray : Type::kObject;
      (word[0] == '[' ? schema->items : schema->additional) = inner;
      return schema;
    }
    static const std::map<std::string_view, Type> scalars = {
        {"any", Type::kAny},           {"string", Type::kString},
        {"bool", Type::kBool},         {"int32", Type::kInt32},
        {"int64", Type::kInt64},       {"double", Type::kDouble},
        {"quantity", Type::kQuantity}, {"intstr", Type::kIntOrString},
        {"time", Type::kTime},         {"microtime", Type::kMicroTime},
        {"bytes", Type::kBytes}};
    const auto it = scalars.find(word);
    STOWAGE_CHECK(it != scalars.end(), word);
    auto& slot = scalar_[it->second];
    if (slot == nullptr) {
      slot = out_.set.add();
      slot->type = it->second;
    }
    return slot;
  }

  void type(std::string_view line) {
    const size_t colon = line.find(':');
    std::string_view head = line.substr(0, colon);
    Schema* schema = named(next_word(head));
    schema->atomic = next_word(head) == "atomic";
    for (const std::string& text : split(line.substr(colon + 1), ';'))
      add_field(*schema, text);
  }

  void add_field(Schema& owner, std::string_view text) {
    Field field;
    field.name = next_word(text);
    if (field.name.empty()) return;
    field.schema = parse_type(next_word(text));
    for (std::string_view word = next_word(text); !word.empty(); word = next_word(text)) {
      const auto value = word.substr(std::min(word.size(), word.find('=') + 1));
      if (word == "required") field.required = true;
      if (word == "atomic") field.atomic = true;
      if (word == "always") field.always = true;
      if (word == "pointer") field.pointer = true;
      if (word.starts_with("patch=")) {
        field.patch_merge = value.find("merge") != std::string_view::npos;
        field.patch_replace = value == "replace";
        field.retain_keys = value.find("retainKeys") != std::string_view::npos;
      }
      if (word.starts_with("key=")) field.merge_key = value;
      if (word.starts_with("default=")) field.default_value = std::make_shared<Json>(Json::parse(value));
      if (word.starts_with('#')) field.protobuf = word.substr(1);
      if (word == "set" || word.starts_with("map=")) {
        auto* list = const_cast<Schema*>(field.schema);  // made for this field by parse_type
        list->list_type = word == "set" ? ListType::kSet : ListType::kMap;
        if (word != "set") list->list_keys = split(value, ',');
      }
    }
    owner.fields.emplace(field.name, std::move(field));
  }

  void resource(std::string_view line) {
    BuiltinResource r;
    r.group = next_word(line);
    if (r.group == "core") r.group.clear();
    r.version = next_word(line);
    const auto names = split(next_word(line), '/');
    r.plural = names[0];
    if (names.size() > 1) r.subresource = names[1];
    r.kind = next_word(line);
    r.namespaced = next_word(line) == "ns";
    for (std::string_view word = next_word(line); !word.empty(); word = next_word(line)) {
      const auto value = word.substr(word.find('=') + 1);
      if (word.starts_with("verbs=")) r.verbs = split(value, ',');
      if (word.starts_with("type=")) r.schema = named(value);
      if (word.starts_with("singular=")) r.singular = value;
      if (word.starts_with("short=")) r.short_names = split(value, ',');
      if (word.starts_with("categories=")) r.categories = split(value, ',');
      if (word.starts_with("gv=")) {
        r.target_group = value.substr(0, value.find('/'));
        r.target_version = value.substr(value.find('/') + 1);
      }
    }
    out_.resources.push_back(std::move(r));
  }

  Builtins& out_;
  std::map<Type, Schema*> scalar_;
};

}  // namespace

const Field* Schema::field(std::string_view name) const {
  const auto it = fields.find(name);
  return it == fields.end() ? nullptr : &it->second;
}

const Schema* Builtins::type(std::string_view name) const {
  const auto it = types.find(name);
  return it == types.end() ? nullptr : it->second;
}

std::unique_ptr<Builtins> load_builtins() {
  auto out = std::make_unique<Builtins>();
  Loader(*out).run(kBuiltinSchema);
  STOWAGE_CHECK(out->type("core.v1.Pod") != nullptr, "the built-in table lacks core.v1.Pod");
  return out;
}

std::shared_ptr<const Builtins> shared_builtins() {
  static const std::shared_ptr<const Builtins> table = load_builtins();
  return table;
}

}  // namespace stowage::sandbox
