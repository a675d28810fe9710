#include "gpu-scheduler/replay/policy_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <memory>
#include <utility>

#include "base/log.h"
#include "gpu-scheduler/policies.h"
#include "kube/runtime/text_file.h"
#include "kube/runtime/yaml_tree.h"

namespace stowage::replay {
namespace {

using kube::YamlNode;
using Kind = YamlNode::Kind;

constexpr size_t kMaxBytes = size_t{1} << 20;

enum class Type : uint8_t { kMapping, kList, kText, kInteger };

/// The keys of a spec. `[]` stands for each element of a list. What they mean is not said here.
struct Key {
  std::string_view path;
  Type type;
};
constexpr std::array kKeys{
    Key{"spec", Type::kMapping},
    Key{"spec.strategy", Type::kText},
    Key{"spec.score", Type::kMapping},
    Key{"spec.score.fragmentation", Type::kInteger},
    Key{"spec.score.packing", Type::kInteger},
    Key{"spec.score.topology", Type::kInteger},
    Key{"spec.score.cost", Type::kInteger},
    Key{"spec.score.weightsLocality", Type::kInteger},
    Key{"spec.score.spread", Type::kInteger},
    Key{"spec.preemption", Type::kMapping},
    Key{"spec.preemption.mode", Type::kText},
    Key{"spec.preemption.maxVictims", Type::kInteger},
    Key{"spec.gang", Type::kMapping},
    Key{"spec.gang.timeout", Type::kText},
    Key{"spec.topologyLevels", Type::kList},
    Key{"spec.topologyLevels[]", Type::kMapping},
    Key{"spec.topologyLevels[].name", Type::kText},
    Key{"spec.topologyLevels[].labels", Type::kList},
    Key{"spec.topologyLevels[].labels[]", Type::kText},
};

std::string_view words_for(Type type) {
  switch (type) {
    case Type::kMapping:
      return "a mapping";
    case Type::kList:
      return "a list";
    case Type::kText:
      return "a text";
    case Type::kInteger:
      return "a whole number";
  }
  return "";
}

bool is_integer(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

bool is_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error != std::errc::invalid_argument && end == text.data() + text.size();
}

bool has_type(const YamlNode& node, Type type) {
  switch (type) {
    case Type::kMapping:
      return node.kind == Kind::kMapping;
    case Type::kList:
      return node.kind == Kind::kSequence;
    case Type::kText:
      return node.kind == Kind::kScalar &&
             (node.quoted || (node.text != "true" && node.text != "false" && !is_number(node.text)));
    case Type::kInteger:
      return node.kind == Kind::kScalar && !node.quoted && is_integer(node.text);
  }
  return false;
}

/// Checks keys and types of one file and remembers where things stand.
class PolicyReader {
 public:
  explicit PolicyReader(const std::string& file) : file_(file) {}

  [[nodiscard]] std::unexpected<Error> wrong(int line, int column, std::string_view sentence) const {
    return fail(Code::kInvalidArgument, fmt::format("{}:{}:{}: {}", file_, line, column, sentence));
  }

  /// `path` with the numbers of list elements, `pattern` with empty brackets.
  Result<void> check(const YamlNode& node, const std::string& path, const std::string& pattern) const {
    const auto* key = std::ranges::find(kKeys, pattern, &Key::path);
    if (!has_type(node, key->type)) {
      return wrong(node.line, node.column,
                   fmt::format("{} must be {}{}", path, words_for(key->type),
                               node.kind == Kind::kScalar ? fmt::format(", not \"{}\"", node.text) : ""));
    }
    for (size_t i = 0; i < node.items.size(); ++i)
      TRY_VOID(check(node.items[i], fmt::format("{}[{}]", path, i), pattern + "[]"));
    for (const auto& entry : node.entries) {
      const std::string below = pattern + "." + entry.key;
      if (std::ranges::find(kKeys, below, &Key::path) == kKeys.end()) {
        return wrong(entry.line, entry.column,
                     fmt::format("unknown key \"{}.{}\"; known here: {}", path, entry.key,
                                 fmt::join(keys_below(pattern), ", ")));
      }
      if (entry.value.kind == Kind::kNull) continue;
      TRY_VOID(check(entry.value, path + "." + entry.key, below));
    }
    return {};
  }

  /// The sentence at the place of the deepest key that it begins with: "spec.score.cost: ...".
  [[nodiscard]] std::unexpected<Error> place(const YamlNode& spec, std::string_view sentence) const {
    std::string_view path = sentence.substr(0, sentence.find(": "));
    if (path.starts_with("spec.")) path.remove_prefix(5);
    const YamlNode* at = &spec;
    while (!path.empty()) {
      const size_t end = path.find_first_of(".[");
      const std::string_view word = path.substr(0, end);
      const auto entry = std::ranges::find(at->entries, word, &YamlNode::Entry::key);
      if (entry == at->entries.end()) break;
      at = &entry->value;
      path = end == std::string_view::npos || path[end] == '[' ? std::string_view{} : path.substr(end + 1);
    }
    return wrong(at->line, at->column, sentence);
  }

 private:
  static std::vector<std::string_view> keys_below(std::string_view pattern) {
    std::vector<std::string_view> out;
    for (const Key& key : kKeys) {
      if (!key.path.starts_with(pattern) || key.path.size() <= pattern.size() ||
          key.path[pattern.size()] != '.')
        continue;
      const std::string_view word = key.path.substr(pattern.size() + 1);
      if (word.find_first_of(".[") == std::string_view::npos) out.push_back(word);
    }
    return out;
  }

  std::string file_;
};

/// The YAML as JSON, for the decoder of the scheduler process.
std::string to_json(const YamlNode& node) {
  switch (node.kind) {
    case Kind::kNull:
      return "null";
    case Kind::kScalar:
      return !node.quoted && is_integer(node.text) ? node.text : json_quote(node.text);
    case Kind::kSequence: {
      std::vector<std::string> items;
      items.reserve(node.items.size());
      for (const auto& item : node.items)
        items.push_back(to_json(item));
      return fmt::format("[{}]", fmt::join(items, ","));
    }
    case Kind::kMapping: {
      std::vector<std::string> members;
      members.reserve(node.entries.size());
      for (const auto& entry : node.entries)
        members.push_back(json_quote(entry.key) + ":" + to_json(entry.value));
      return fmt::format("{{{}}}", fmt::join(members, ","));
    }
  }
  return {};
}

const YamlNode* find(const YamlNode& mapping, std::string_view key) {
  const auto it = std::ranges::find(mapping.entries, key, &YamlNode::Entry::key);
  return it == mapping.entries.end() ? nullptr : &it->value;
}

}  // namespace

Result<PolicyFile> read_policy_spec(const YamlNode& spec, std::string name, const std::string& file) {
  const PolicyReader reader(file);
  TRY_VOID(reader.check(spec, "spec", "spec"));
  // Its levels are those of "default", whatever its name: a file stands for itself.
  constexpr std::string_view kName = "default";
  const std::string json = fmt::format(R"({{"metadata":{{"name":"{}"}},"spec":{}}})", kName, to_json(spec));
  auto object = scheduler::decode_policy(json);
  if (!object) return reader.place(spec, object.error().message);
  const scheduler::Policies policies({std::make_shared<const scheduler::PolicyObject>(*std::move(object))});
  const scheduler::ActivePolicy& active = *policies.find(kName);
  if (!active.problem.empty()) return reader.place(spec, active.problem);
  return PolicyFile{
      .name = std::move(name), .policy = active.policy, .levels = policies.levels(), .hash = active.hash};
}

Result<PolicyFile> read_policy(std::string_view text, const std::string& file) {
  constexpr std::string_view kBom = "\xEF\xBB\xBF";
  if (text.starts_with(kBom)) text.remove_prefix(kBom.size());
  auto tree = kube::read_yaml(text);
  if (!tree) return fail(tree.error().code, file + ":" + tree.error().message);
  const PolicyReader reader(file);
  if (tree->kind != Kind::kMapping || tree->entries.empty()) {
    return reader.wrong(
        tree->line, tree->column,
        "want a SchedulingPolicy: a mapping that begins with \"apiVersion: stowage.dev/v1alpha1\"");
  }
  for (const auto& [key, wanted] :
       {std::pair{"apiVersion", "stowage.dev/v1alpha1"}, {"kind", "SchedulingPolicy"}}) {
    const YamlNode* at = find(*tree, key);
    if (at == nullptr || at->text != wanted) {
      return reader.wrong(at == nullptr ? 1 : at->line, at == nullptr ? 1 : at->column,
                          fmt::format("{} must be {}{}", key, wanted,
                                      at == nullptr ? "" : fmt::format(", not \"{}\"", at->text)));
    }
  }
  for (const auto& entry : tree->entries) {
    constexpr std::array<std::string_view, 5> kTop{"apiVersion", "kind", "metadata", "spec", "status"};
    if (std::ranges::find(kTop, entry.key) == kTop.end()) {
      return reader.wrong(
          entry.line, entry.column,
          fmt::format("unknown key \"{}\"; known here: {}", entry.key, fmt::join(kTop, ", ")));
    }
  }
  const YamlNode* meta = find(*tree, "metadata");
  const YamlNode* name = meta == nullptr ? nullptr : find(*meta, "name");
  if (name == nullptr || name->kind != Kind::kScalar) {
    return reader.wrong(meta == nullptr ? 1 : meta->line, meta == nullptr ? 1 : meta->column,
                        "metadata.name must be a text");
  }
  const YamlNode* spec = find(*tree, "spec");
  if (spec == nullptr || spec->kind == Kind::kNull)
    return reader.wrong(1, 1, "spec is missing; \"spec: {}\" takes every default");
  return read_policy_spec(*spec, name->text, file);
}

Result<PolicyFile> load_policy(const std::string& path) {
  TRY(const auto text, kube::read_text_file(path, kMaxBytes));
  return read_policy(text, path);
}

}  // namespace stowage::replay
