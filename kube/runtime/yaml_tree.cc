#include "kube/runtime/yaml_tree.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <exception>
#include <optional>
#include <sstream>

namespace stowage::kube {
namespace {

constexpr size_t kMaxDepth = 32;
constexpr size_t kMaxBytes = size_t{1} << 20;

/// Leaves the parser, which knows no other way to stop. It never leaves this file.
struct Refused {
  std::string sentence;
};

[[noreturn]] void refuse(const YAML::Mark& mark, std::string_view sentence) {
  throw Refused{fmt::format("{}:{}: {}", mark.line + 1, mark.column + 1, sentence)};
}

class TreeBuilder final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) refuse(mark, "a second document begins here; keep one document in the file");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    no_anchor(mark, anchor);
    add(mark, YamlNode{});
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse(mark, "aliases (*name) are not accepted; write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    no_anchor(mark, anchor);
    no_tag(mark, tag);
    YamlNode node{.kind = YamlNode::Kind::kScalar};
    node.quoted = tag == "!";
    node.text = value;
    if (!node.quoted && (value == "~" || value == "null" || value.empty())) node.kind = YamlNode::Kind::kNull;
    add(mark, std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlNode::Kind::kSequence);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlNode::Kind::kMapping);
  }
  void OnMapEnd() override { close(); }

  [[nodiscard]] std::optional<YamlNode> root() { return std::move(root_); }

 private:
  struct Open {
    YamlNode node;
    YAML::Mark mark;
    std::optional<YamlNode::Entry> key;  ///< Mappings: waits for its value.
  };

  static void no_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0) refuse(mark, "anchors (&name) are not accepted; write the value where it is used");
  }
  static void no_tag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!") refuse(mark, "tags (!!type) are not accepted; remove it");
  }
  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YamlNode::Kind kind) {
    no_anchor(mark, anchor);
    no_tag(mark, tag);
    if (stack_.size() >= kMaxDepth) refuse(mark, "nested deeper than 32 levels");
    stack_.push_back({.node = YamlNode{.kind = kind}, .mark = mark, .key = {}});
  }
  void close() {
    Open top = std::move(stack_.back());
    stack_.pop_back();
    add(top.mark, std::move(top.node));
  }
  void add(const YAML::Mark& mark, YamlNode node);

  std::vector<Open> stack_;
  std::optional<YamlNode> root_;
  int documents_ = 0;
};

void TreeBuilder::add(const YAML::Mark& mark, YamlNode node) {
  node.line = mark.line + 1;
  node.column = mark.column + 1;
  if (stack_.empty()) {
    root_ = std::move(node);
    return;
  }
  Open& top = stack_.back();
  if (top.node.kind == YamlNode::Kind::kSequence) {
    top.node.items.push_back(std::move(node));
    return;
  }
  if (top.key) {
    top.key->value = std::move(node);
    top.node.entries.push_back(*std::move(top.key));
    top.key.reset();
    return;
  }
  if (node.kind != YamlNode::Kind::kScalar) refuse(mark, "a key must be a word");
  for (const YamlNode::Entry& entry : top.node.entries) {
    if (entry.key == node.text) {
      refuse(mark,
             fmt::format("the key \"{}\" comes twice, first in line {}; remove one", node.text, entry.line));
    }
  }
  top.key = YamlNode::Entry{.key = std::move(node.text), .line = node.line, .column = node.column};
}

}  // namespace

Result<YamlNode> read_yaml(std::string_view text) {
  if (text.size() > kMaxBytes) return fail(Code::kInvalidArgument, "1:1: larger than 1 MiB");
  std::istringstream stream{std::string(text)};
  TreeBuilder builder;
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refused& refused) {
    return fail(Code::kInvalidArgument, refused.sentence);
  } catch (const YAML::Exception& error) {
    return fail(Code::kInvalidArgument, fmt::format("{}:{}: not valid YAML: {}", error.mark.line + 1,
                                                    error.mark.column + 1, error.msg));
  } catch (const std::exception& error) {
    return fail(Code::kInvalidArgument, fmt::format("1:1: not valid YAML: {}", error.what()));
  }
  auto root = builder.root();
  if (!root || root->kind == YamlNode::Kind::kNull) return YamlNode{.kind = YamlNode::Kind::kMapping};
  return *std::move(root);
}

}  // namespace stowage::kube
