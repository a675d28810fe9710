#include "test/scenario/case_list.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string_view>

#include "base/log.h"

namespace stowage::scenario {
namespace {

/// Fields that are numbers or booleans; every other scalar is a string, whatever it looks like.
bool is_literal_field(std::string_view key) {
  static const std::set<std::string_view> kFields{"maxSkew",  "minDomains", "hostPort",      "containerPort",
                                                  "weight",   "priority",   "unschedulable", "hostNetwork",
                                                  "readOnly", "controller", "hostUsers"};
  return kFields.contains(key);
}

std::string to_json(const YAML::Node& node, std::string_view key = {}) {
  if (node.IsNull()) return "null";
  if (node.IsScalar()) return is_literal_field(key) ? node.Scalar() : json_quote(node.Scalar());
  std::string out;
  if (node.IsSequence()) {
    for (const auto& item : node)
      out += (out.empty() ? "" : ",") + to_json(item, key);
    return "[" + out + "]";
  }
  for (const auto& pair : node)
    out += (out.empty() ? "" : ",") + json_quote(pair.first.Scalar()) + ":" +
           to_json(pair.second, pair.first.Scalar());
  return "{" + out + "}";
}

class Builder {
 public:
  Builder(std::string file, const YAML::Node& source) : file_(std::move(file)), source_(source) {}

  Result<Case> build() {
    if (!source_.IsMap() || !source_["name"]) return wrong(source_, "a case is a map with a name");
    for (const auto& pair : source_) {
      if (!kWords.contains(pair.first.Scalar()))
        return wrong(pair.first, fmt::format("unknown word \"{}\"", pair.first.Scalar()));
    }
    for (const char* word : {"nodes", "pod", "feasible"}) {
      if (!source_[word]) return wrong(source_, fmt::format("the word \"{}\" is missing", word));
    }
    add_namespaces();
    for (const auto& node : source_["nodes"])
      add_node(node.first.Scalar(), node.second);
    size_t number = 0;
    for (const auto& pod : source_["running"])
      add_pod(fmt::format("run-{}", number++), pod);
    add_pod("new", source_["pod"]);
    for (const auto& object : source_["objects"])
      add(to_json(object));
    Case out{.file = file_,
             .line = source_.Mark().line + 1,
             .name = source_["name"].Scalar(),
             .list = fmt::format(R"({{"apiVersion":"v1","kind":"List","items":[{}]}})", items_),
             .feasible = source_["feasible"].as<std::vector<std::string>>()};
    std::ranges::sort(out.feasible);
    return out;
  }

 private:
  std::unexpected<Error> wrong(const YAML::Node& at, const std::string& what) const {
    return fail(Code::kInvalidArgument, fmt::format("{}:{}: {}", file_, at.Mark().line + 1, what));
  }

  void add(const std::string& item) { items_ += (items_.empty() ? "" : ",") + item; }

  void add_namespaces() {
    for (const auto& pair : source_["namespaces"])
      add(fmt::format(R"({{"apiVersion":"v1","kind":"Namespace","metadata":{{"name":{},"labels":{}}}}})",
                      json_quote(pair.first.Scalar()), to_json(pair.second)));
  }

  void add_node(const std::string& name, const YAML::Node& given) {
    YAML::Node labels = YAML::Clone(given);
    if (!labels["kubernetes.io/hostname"]) labels["kubernetes.io/hostname"] = name;
    if (labels["kubernetes.io/hostname"].IsNull()) labels.remove("kubernetes.io/hostname");
    YAML::Node amounts;
    amounts["cpu"] = "4";
    amounts["memory"] = "8Gi";
    amounts["pods"] = "110";
    if (source_["allocatable"] && source_["allocatable"][name]) {
      for (const auto& pair : source_["allocatable"][name])
        amounts[pair.first.Scalar()] = pair.second;
    }
    const bool cordoned =
        source_["cordoned"] &&
        std::ranges::any_of(source_["cordoned"], [&](const YAML::Node& one) { return one.Scalar() == name; });
    const std::string taints =
        source_["taints"] && source_["taints"][name] ? to_json(source_["taints"][name]) : "[]";
    const std::string features =
        source_["features"] && source_["features"][name] ? to_json(source_["features"][name]) : "[]";
    add(fmt::format(
        R"({{"apiVersion":"v1","kind":"Node","metadata":{{"name":{},"labels":{}}},"spec":{{"unschedulable":{},"taints":{}}},"status":{{"allocatable":{},"declaredFeatures":{}}}}})",
        json_quote(name), to_json(labels), cordoned, taints, to_json(amounts), features));
  }

  void add_pod(const std::string& name, const YAML::Node& given) {
    const auto text = [&](const char* word, const char* otherwise) {
      return given[word] ? to_json(given[word]) : std::string(otherwise);
    };
    std::string spec;
    for (const auto& pair : given) {
      const std::string& word = pair.first.Scalar();
      if (!kPodWords.contains(word)) spec += "," + json_quote(word) + ":" + to_json(pair.second, word);
    }
    if (given["on"]) spec += ",\"nodeName\":" + to_json(given["on"]);
    if (!given["containers"])
      spec += fmt::format(R"(,"containers":[{{"name":"c","resources":{{"requests":{}}},"ports":{}}}])",
                          text("requests", "{}"), text("ports", "[]"));
    add(fmt::format(
        R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}","namespace":{},"uid":"uid-{}","labels":{}{}}},"spec":{{{}}},"status":{}}})",
        name, text("ns", "\"default\""), name, text("labels", "{}"),
        given["deleted"] ? R"(,"deletionTimestamp":"2026-01-01T00:00:00Z")" : "",
        spec.empty() ? spec : spec.substr(1), text("status", "{}")));
  }

  inline static const std::set<std::string> kWords{"name",     "nodes",      "taints",  "allocatable",
                                                   "cordoned", "features",   "running", "pod",
                                                   "objects",  "namespaces", "feasible"};
  inline static const std::set<std::string> kPodWords{"on",     "labels",   "ns",   "deleted",
                                                      "status", "requests", "ports"};

  std::string file_;
  YAML::Node source_;
  std::string items_;
};

}  // namespace

Result<std::vector<Case>> read_cases(const std::string& path) {
  const std::string file = std::filesystem::path(path).filename().string();
  try {
    std::vector<Case> out;
    for (const auto& item : YAML::LoadFile(path)) {
      TRY(Case one, Builder(file, item).build());
      out.push_back(std::move(one));
    }
    return out;
  } catch (const YAML::Exception& error) {
    return fail(Code::kInvalidArgument, fmt::format("{}:{}: {}", file, error.mark.line + 1, error.msg));
  }
}

}  // namespace stowage::scenario
