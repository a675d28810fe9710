#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace stowage::kube {

/// One value of a YAML document with its place, as written: nothing is converted yet.
struct YamlNode {
  enum class Kind { kNull, kScalar, kSequence, kMapping };
  struct Entry;

  Kind kind = Kind::kNull;
  int line = 1;    ///< From 1.
  int column = 1;  ///< From 1.
  bool quoted = false;
  std::string text;             ///< Scalars.
  std::vector<YamlNode> items;  ///< Sequences.
  std::vector<Entry> entries;   ///< Mappings, in the order of the file; no key comes twice.
};

struct YamlNode::Entry {
  std::string key;
  int line = 1;
  int column = 1;
  YamlNode value;
};

/// Reads one YAML document strictly: no anchors or aliases, no tags, no second document, no key twice in a
/// mapping, at most 32 levels, at most 1 MiB. An empty text is an empty mapping.
/// Error: kInvalidArgument, "line:column: sentence".
Result<YamlNode> read_yaml(std::string_view text);

}  // namespace stowage::kube
