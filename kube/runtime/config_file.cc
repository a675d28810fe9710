#include "kube/runtime/config_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "base/duration.h"
#include "kube/runtime/yaml_tree.h"

namespace stowage::kube {
namespace {

constexpr std::string_view kApiVersion = "config.stowage.dev/v1alpha1";

struct Mistake {
  int line;
  int column;
  std::string sentence;
};

std::string describe(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kSequence:
      return "a list";
    case YamlNode::Kind::kMapping:
      return "a mapping";
    case YamlNode::Kind::kScalar:
      return node.quoted ? fmt::format("the text \"{}\"", node.text) : node.text;
  }
  return {};
}

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

/// Levenshtein's distance, for "did you mean".
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row[b.size()];
}

std::string hint(std::string_view key, const std::set<std::string, std::less<>>& known) {
  for (const std::string& word : known) {
    if (edit_distance(key, word) <= 2) return fmt::format("; did you mean \"{}\"?", word);
  }
  if (known.empty()) return "; nothing can be set here";
  return fmt::format("; known here: {}", fmt::join(known, ", "));
}

}  // namespace

struct ConfigSection::Impl {
  const YamlNode* node = nullptr;  ///< Null: absent.
  std::string path;                ///< "leaderElection.", for messages.
  std::shared_ptr<std::vector<Mistake>> mistakes;
  std::set<std::string, std::less<>> asked;
  std::vector<std::shared_ptr<Impl>> children;

  /// The value under `key`; null when absent or nothing.
  const YamlNode* find(std::string_view key) {
    asked.emplace(key);
    if (node == nullptr) return nullptr;
    for (const auto& entry : node->entries) {
      if (entry.key == key) return entry.value.kind == YamlNode::Kind::kNull ? nullptr : &entry.value;
    }
    return nullptr;
  }
  void mistake(const YamlNode& at, std::string sentence) {
    mistakes->push_back({at.line, at.column, std::move(sentence)});
  }
  void wrong(const YamlNode& at, std::string_view key, std::string_view expected) {
    mistake(at, fmt::format("{}{} must be {}, not {}", path, key, expected, describe(at)));
  }
  std::shared_ptr<Impl> child(const YamlNode* at, std::string child_path) {
    auto out = std::make_shared<Impl>();
    out->node = at;
    out->path = std::move(child_path);
    out->mistakes = mistakes;
    children.push_back(out);
    return out;
  }
  void find_unread() {
    if (node != nullptr) {
      for (const auto& entry : node->entries) {
        if (asked.contains(entry.key)) continue;
        mistakes->push_back({entry.line, entry.column,
                             fmt::format("unknown key \"{}{}\"{}", path, entry.key, hint(entry.key, asked))});
      }
    }
    for (const auto& each : children)
      each->find_unread();
  }
};

bool ConfigSection::has(std::string_view key) const {
  return impl_->find(key) != nullptr;
}

void ConfigSection::read(std::string_view key, bool& out) {
  const YamlNode* at = impl_->find(key);
  if (at == nullptr) return;
  const bool plain = at->kind == YamlNode::Kind::kScalar && !at->quoted;
  if (plain && at->text == "true") {
    out = true;
  } else if (plain && at->text == "false") {
    out = false;
  } else {
    impl_->wrong(*at, key, "true or false");
  }
}

void ConfigSection::read(std::string_view key, int64_t& out, int64_t least, int64_t most) {
  const YamlNode* at = impl_->find(key);
  if (at == nullptr) return;
  int64_t value = 0;
  const char* end = at->text.data() + at->text.size();
  const auto [stop, error] = std::from_chars(at->text.data(), end, value);
  if (at->kind != YamlNode::Kind::kScalar || at->quoted || error != std::errc{} || stop != end) {
    impl_->wrong(*at, key, "a whole number");
  } else if (value < least || value > most) {
    impl_->wrong(*at, key, fmt::format("between {} and {}", least, most));
  } else {
    out = value;
  }
}

void ConfigSection::read(std::string_view key, double& out, double least, double most) {
  const YamlNode* at = impl_->find(key);
  if (at == nullptr) return;
  const auto value = at->kind == YamlNode::Kind::kScalar && !at->quoted ? number(at->text) : std::nullopt;
  if (!value) {
    impl_->wrong(*at, key, "a number");
  } else if (*value < least || *value > most) {
    impl_->wrong(*at, key, fmt::format("between {} and {}", least, most));
  } else {
    out = *value;
  }
}

void ConfigSection::read(std::string_view key, std::string& out,
                         std::initializer_list<std::string_view> one_of) {
  const YamlNode* at = impl_->find(key);
  if (at == nullptr) return;
  if (at->kind != YamlNode::Kind::kScalar) return impl_->wrong(*at, key, "a text");
  if (!at->quoted && (at->text == "true" || at->text == "false" || number(at->text))) {
    return impl_->wrong(*at, key, "a text (put it in quotes if it is meant)");
  }
  if (one_of.size() > 0 && std::ranges::find(one_of, at->text) == one_of.end()) {
    return impl_->wrong(*at, key, fmt::format("one of {}", fmt::join(one_of, ", ")));
  }
  out = at->text;
}

void ConfigSection::read(std::string_view key, Millis& out, Millis least) {
  const YamlNode* at = impl_->find(key);
  if (at == nullptr) return;
  const auto value = at->kind == YamlNode::Kind::kScalar ? parse_duration(at->text) : std::nullopt;
  if (!value) {
    impl_->wrong(*at, key, "a duration such as 15s, 500ms or 1m30s");
  } else if (*value < least) {
    impl_->wrong(*at, key, fmt::format("at least {} ms", least.count()));
  } else {
    out = *value;
  }
}

void ConfigSection::read(std::string_view key, std::vector<std::string>& out) {
  const YamlNode* at = impl_->find(key);
  if (at == nullptr) return;
  if (at->kind != YamlNode::Kind::kSequence) return impl_->wrong(*at, key, "a list of texts");
  std::vector<std::string> texts;
  for (const YamlNode& item : at->items) {
    if (item.kind != YamlNode::Kind::kScalar) return impl_->wrong(item, key, "a list of texts");
    texts.push_back(item.text);
  }
  out = std::move(texts);
}

ConfigSection ConfigSection::section(std::string_view key) {
  const YamlNode* at = impl_->find(key);
  if (at != nullptr && at->kind != YamlNode::Kind::kMapping) {
    impl_->wrong(*at, key, "a mapping");
    at = nullptr;
  }
  return ConfigSection(impl_->child(at, fmt::format("{}{}.", impl_->path, key)));
}

std::vector<ConfigSection> ConfigSection::list(std::string_view key) {
  std::vector<ConfigSection> out;
  const YamlNode* at = impl_->find(key);
  if (at == nullptr) return out;
  if (at->kind != YamlNode::Kind::kSequence) {
    impl_->wrong(*at, key, "a list of mappings");
    return out;
  }
  for (size_t i = 0; i < at->items.size(); ++i) {
    const YamlNode& item = at->items[i];
    const std::string name = fmt::format("{}[{}]", key, i);
    if (item.kind != YamlNode::Kind::kMapping) {
      impl_->wrong(item, name, "a mapping");
    } else {
      out.emplace_back(impl_->child(&item, fmt::format("{}{}.", impl_->path, name)));
    }
  }
  return out;
}

void ConfigSection::reject(std::string_view key, std::string sentence) {
  const YamlNode nowhere{};
  const YamlNode* at = impl_->find(key);
  if (at == nullptr) at = impl_->node;
  impl_->mistake(at == nullptr ? nowhere : *at, std::move(sentence));
}

struct ConfigFile::Impl {
  std::string name;
  YamlNode tree;
  std::shared_ptr<ConfigSection::Impl> root;
};

Result<ConfigFile> ConfigFile::parse(std::string text, std::string name, std::string_view kind) {
  auto tree = read_yaml(text);
  if (!tree) return fail(tree.error().code, name + ":" + tree.error().message);
  ConfigFile file;
  file.impl_ = std::make_shared<Impl>();
  file.impl_->name = std::move(name);
  file.impl_->tree = *std::move(tree);
  file.impl_->root = std::make_shared<ConfigSection::Impl>();
  file.impl_->root->mistakes = std::make_shared<std::vector<Mistake>>();
  const YamlNode& top = file.impl_->tree;
  if (top.kind != YamlNode::Kind::kMapping) {
    return fail(Code::kInvalidArgument,
                fmt::format("{}:{}:{}: the file must be a mapping that begins with \"apiVersion: {}\"",
                            file.impl_->name, top.line, top.column, kApiVersion));
  }
  if (top.entries.empty()) return file;
  file.impl_->root->node = &top;
  for (const auto& [key, wanted] :
       {std::pair{std::string_view("apiVersion"), kApiVersion}, std::pair{std::string_view("kind"), kind}}) {
    const YamlNode* at = file.impl_->root->find(key);
    if (at == nullptr || at->text != wanted) {
      return fail(Code::kInvalidArgument,
                  fmt::format("{}:{}:{}: {} must be {}{}", file.impl_->name, at == nullptr ? 1 : at->line,
                              at == nullptr ? 1 : at->column, key, wanted,
                              at == nullptr ? "" : ", not " + describe(*at)));
    }
  }
  return file;
}

ConfigSection ConfigFile::root() const {
  return ConfigSection(impl_->root);
}

Result<void> ConfigFile::finish() const {
  impl_->root->find_unread();
  auto mistakes = std::exchange(*impl_->root->mistakes, {});
  if (mistakes.empty()) return {};
  std::ranges::sort(mistakes, {}, [](const Mistake& mistake) {
    return std::tuple(mistake.line, mistake.column, mistake.sentence);
  });
  std::string text;
  for (const Mistake& mistake : mistakes) {
    if (!text.empty()) text += '\n';
    text += fmt::format("{}:{}:{}: {}", impl_->name, mistake.line, mistake.column, mistake.sentence);
  }
  return fail(Code::kInvalidArgument, std::move(text));
}

}  // namespace stowage::kube
