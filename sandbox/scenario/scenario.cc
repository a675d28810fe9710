#include "sandbox/scenario/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "base/duration.h"
#include "kube/runtime/text_file.h"
#include "kube/runtime/yaml_tree.h"
#include "sandbox/world/manifests.h"
#include "sandbox/world/traffic.h"

namespace stowage::sandbox {
namespace {

using kube::YamlNode;
using Entry = YamlNode::Entry;
using Json = nlohmann::json;
constexpr size_t kMostBytes = size_t{1} << 26;
constexpr Millis kNotice{120'000};  // AWS: two minutes
constexpr Millis kGrace{15'000};    // GKE: what pods get of the notice
constexpr const char* kApiVersion = "sandbox.stowage.dev/v1alpha1";

/// Mistakes unwind to read_scenario.
template <class At>
[[noreturn]] void wrong(const At& at, const std::string& what) {
  throw std::invalid_argument(fmt::format("{}:{}: {}", at.line, at.column, what));
}

Json to_json(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::kMapping) {
    Json out = Json::object();
    for (const auto& entry : node.entries)
      out[entry.key] = to_json(entry.value);
    return out;
  }
  if (node.kind == YamlNode::Kind::kSequence) {
    Json out = Json::array();
    for (const auto& item : node.items)
      out.push_back(to_json(item));
    return out;
  }
  if (node.kind == YamlNode::Kind::kNull) return nullptr;
  if (node.quoted) return node.text;
  if (node.text == "true") return true;
  if (node.text == "false") return false;
  Json number = Json::parse(node.text, nullptr, false);
  return number.is_number() ? number : Json(node.text);
}

/// One mapping, read key by key; what nobody asked for is a mistake.
class Map {
 public:
  Map(const YamlNode& node, const char* what) : node_(node), what_(what) {
    if (node.kind != YamlNode::Kind::kMapping) wrong(node, fmt::format("{} must be a mapping", what));
  }
  const YamlNode* find(const char* key) {
    seen_.insert(key);
    const auto it = std::ranges::find(node_.entries, key, &YamlNode::Entry::key);
    return it == node_.entries.end() ? nullptr : &it->value;
  }
  const YamlNode& need(const char* key) {
    const YamlNode* value = find(key);
    if (value == nullptr) wrong(node_, fmt::format("{} needs \"{}\"", what_, key));
    return *value;
  }
  std::string need_text(const char* key) {
    std::string out;
    (void)need(key);
    text(key, out);
    return out;
  }
  /// Items of a list; none when the key is not there.
  const std::vector<YamlNode>& items(const char* key) {
    static const std::vector<YamlNode> none;
    const YamlNode* value = find(key);
    if (value == nullptr) return none;
    if (value->kind != YamlNode::Kind::kSequence) wrong(*value, fmt::format("\"{}\" must be a list", key));
    return value->items;
  }
  void text(const char* key, std::string& out) {
    const YamlNode* value = find(key);
    if (value == nullptr) return;
    if (value->kind != YamlNode::Kind::kScalar) wrong(*value, fmt::format("\"{}\" must be a text", key));
    out = value->text;
  }
  void duration(const char* key, Millis& out) {
    const YamlNode* value = find(key);
    if (value == nullptr) return;
    const auto read = parse_duration(value->text);
    if (!read) {
      wrong(*value,
            fmt::format("\"{}\": {} is no duration; write one such as 30s, 2m or 500ms", key, value->text));
    }
    out = *read;
  }
  std::optional<int64_t> number(const char* key) {
    const YamlNode* value = find(key);
    return value == nullptr ? std::nullopt : std::optional(read_number(*value, key));
  }
  std::optional<double> real(const char* key) {
    const YamlNode* value = find(key);
    if (value == nullptr) return std::nullopt;
    double out = 0;
    const char* end = value->text.data() + value->text.size();
    const auto [at, error] = std::from_chars(value->text.data(), end, out);
    if (value->text.empty() || error != std::errc{} || at != end)
      wrong(*value, fmt::format("\"{}\" must be a number", key));
    return out;
  }
  static int64_t read_number(const YamlNode& value, std::string_view key) {
    int64_t out = 0;
    const char* end = value.text.data() + value.text.size();
    const auto [at, error] = std::from_chars(value.text.data(), end, out);
    if (value.text.empty() || error != std::errc{} || at != end || out < 0 || out > 100'000)
      wrong(value, fmt::format("\"{}\" must be a whole number from 0 to 100000", key));
    return out;
  }
  void finish() const {
    for (const auto& entry : node_.entries) {
      if (seen_.contains(entry.key)) continue;
      std::string known;
      for (const std::string& key : seen_)
        known += (known.empty() ? "" : ", ") + key;
      wrong(entry, fmt::format("{} has no \"{}\"; it has: {}", what_, entry.key, known));
    }
  }

 private:
  const YamlNode& node_;
  const char* what_;
  std::set<std::string> seen_;
};

NodeGroup node_group(const YamlNode& node) {
  Map map(node, "a group of nodes");
  NodeGroup out{.line = node.line};
  out.profile = map.need_text("profile");
  (void)map.need("count");
  out.count = *map.number("count");
  out.first = map.number("first").value_or(0);
  map.finish();
  return out;
}

void object_keys(Map& map, ObjectName& out) {
  map.text("kind", out.kind);
  map.text("namespace", out.ns);
  out.name = map.need_text("name");
}

void node_keys(Map& map, Step& out, const Entry& entry) {
  map.text("node", out.node);
  map.text("ofPod", out.node_of);
  if (out.node.empty() == out.node_of.empty()) wrong(entry, "give \"node\" or \"ofPod\", one of them");
}

void read_engine(const YamlNode* metric, const YamlNode* log, Expectation& out) {
  Map inner(metric != nullptr ? *metric : *log, metric != nullptr ? "metric" : "log");
  inner.text("pod", out.pod);
  if (metric == nullptr) {
    out.log = inner.need_text("contains");
    (void)inner.need("pod");
    return inner.finish();
  }
  inner.text("of", out.model);
  out.series = inner.need_text("series");
  out.at_least = inner.real("atLeast");
  out.at_most = inner.real("atMost");
  inner.finish();
  if (out.pod.empty() == out.model.empty())
    wrong(*metric, "give \"pod\" or \"of\" (a ModelDeployment), one of them");
  if (!out.at_least && !out.at_most) wrong(*metric, "metric needs \"atLeast\" or \"atMost\"");
}

Expectation expectation(const YamlNode& node) {
  Map map(node, "expect");
  Expectation out;
  map.duration("within", out.within);
  const YamlNode* condition = map.find("condition");
  const YamlNode* absent = map.find("absent");
  const YamlNode* pods = map.find("pods");
  const YamlNode* metric = map.find("metric");
  const YamlNode* log = map.find("log");
  map.finish();
  if ((condition != nullptr) + (absent != nullptr) + (pods != nullptr) + (metric != nullptr) +
          (log != nullptr) !=
      1)
    wrong(node, "expect needs one of condition, absent, pods, metric, log");
  if (metric != nullptr || log != nullptr) {
    read_engine(metric, log, out);
    return out;
  }
  if (condition != nullptr) {
    Map inner(*condition, "condition");
    object_keys(inner, out.object.emplace());
    out.type = inner.need_text("type");
    out.status = inner.need_text("status");
    inner.text("reason", out.reason);
    inner.text("message", out.message);
    inner.finish();
  } else if (absent != nullptr) {
    Map inner(*absent, "absent");
    object_keys(inner, out.object.emplace());
    inner.finish();
    out.absent = true;
  } else {
    Map inner(*pods, "pods");
    out.pods_of = inner.need_text("of");
    out.count = inner.number("count");
    out.bound = inner.number("bound");
    out.ready = inner.number("ready");
    out.nodes = inner.number("nodes");
    if (const YamlNode* domains = inner.find("domains")) {
      if (domains->kind != YamlNode::Kind::kMapping) wrong(*domains, "\"domains\" must be a mapping");
      for (const auto& entry : domains->entries)
        out.domains.emplace_back(entry.key, Map::read_number(entry.value, entry.key));
    }
    inner.finish();
  }
  return out;
}

std::string read_text(const std::filesystem::path& path, const Entry& entry) {
  auto text = kube::read_text_file(path.string(), kMostBytes);
  if (!text) wrong(entry, text.error().message);
  return *std::move(text);
}

std::vector<std::string> manifest(const std::filesystem::path& path, const Entry& entry) {
  const auto objects = read_manifests(read_text(path, entry));
  if (!objects) wrong(entry, fmt::format("{}:{}", path.string(), objects.error().message));
  if (objects->empty()) wrong(entry, fmt::format("{} holds no object", path.string()));
  std::vector<std::string> out;
  for (const Json& object : *objects)
    out.push_back(dump(object));
  return out;
}

std::optional<Step::Kind> node_step(std::string_view verb) {
  if (verb == "loseNode") return Step::Kind::kLoseNode;
  if (verb == "spotNotice") return Step::Kind::kSpotNotice;
  if (verb == "nodeNotReady") return Step::Kind::kNodeNotReady;
  if (verb == "nodeReady") return Step::Kind::kNodeReady;
  return std::nullopt;
}

/// From notice to loss, and how much of it the node shuts down.
void notice_keys(Map& map, Millis& span, Millis& grace) {
  span = kNotice;
  map.duration("notice", span);
  grace = std::min(kGrace, span);
  map.duration("grace", grace);
  grace = std::min(grace, span);
}

void read_node_step(const Entry& entry, Step& out) {
  Map map(entry.value, "the step");
  node_keys(map, out, entry);
  if (out.kind == Step::Kind::kSpotNotice) notice_keys(map, out.span, out.grace);
  if (out.kind == Step::Kind::kNodeNotReady) map.duration("for", out.span);
  map.finish();
}

Step step(const YamlNode& node, const std::filesystem::path& folder) {
  if (node.kind != YamlNode::Kind::kMapping || node.entries.size() != 1)
    wrong(node, "a step is a mapping with one key, such as {wait: 10s}");
  const Entry& entry = node.entries.front();
  const std::string& verb = entry.key;
  const YamlNode& value = entry.value;
  Step out{.line = entry.line};
  if (verb == "apply" && value.kind == YamlNode::Kind::kScalar) {
    out.kind = Step::Kind::kApply;
    out.objects = manifest(folder / value.text, entry);
  } else if (verb == "apply") {
    out.kind = Step::Kind::kApply;
    if (value.kind != YamlNode::Kind::kMapping) wrong(entry, "apply needs an object or the name of a file");
    out.objects.push_back(dump(to_json(value)));
  } else if (verb == "patch") {
    Map map(value, "patch");
    out.kind = Step::Kind::kPatch;
    object_keys(map, out.object);
    out.patch = dump(to_json(map.need("merge")));
    map.finish();
  } else if (verb == "delete") {
    Map map(value, "delete");
    out.kind = Step::Kind::kDelete;
    object_keys(map, out.object);
    map.finish();
  } else if (verb == "addNodes") {
    out.kind = Step::Kind::kAddNodes;
    out.nodes = node_group(value);
  } else if (const auto kind = node_step(verb)) {
    out.kind = *kind;
    read_node_step(entry, out);
  } else if (verb == "traffic") {
    Map map(value, "traffic");
    out.kind = Step::Kind::kTraffic;
    out.object.name = map.need_text("to");
    map.text("namespace", out.object.ns);
    const YamlNode& rate = map.need("requestsPerSecond");
    out.traffic = rate.text;
    if (!parse_traffic(rate.text)) {
      wrong(rate, fmt::format("\"requestsPerSecond\": {} is neither a number nor a trace such as "
                              "\"0s=1,60s=20\"",
                              rate.text));
    }
    map.finish();
  } else if (verb == "restart") {
    out.kind = Step::Kind::kRestart;
    out.role = value.text;
    if (out.role != "operator" && out.role != "scheduler") wrong(entry, "restart is operator or scheduler");
  } else if (verb == "wait") {
    Map map(node, "a step");
    map.duration("wait", out.span);
  } else if (verb == "expect") {
    out.kind = Step::Kind::kExpect;
    out.expect = expectation(value);
  } else {
    wrong(entry,
          fmt::format("no step is called \"{}\"; there are: addNodes, apply, delete, expect, loseNode, "
                      "nodeNotReady, nodeReady, patch, restart, spotNotice, traffic, wait",
                      verb));
  }
  return out;
}

SeededFault fault(const YamlNode& node) {
  Map map(node, "a fault");
  SeededFault out;
  const YamlNode& kind = map.need("kind");
  const auto found = node_step(kind.text);
  if (!found || *found == Step::Kind::kNodeReady)
    wrong(kind, "a fault's kind is spotNotice, loseNode or nodeNotReady");
  if (*found == Step::Kind::kSpotNotice) out.kind = SeededFault::Kind::kNotice;
  if (*found == Step::Kind::kNodeNotReady) out.kind = SeededFault::Kind::kNotReady;
  std::string label;
  map.text("nodes", label);
  out.label = label.substr(0, label.find('='));
  if (label.find('=') != std::string::npos) out.value = label.substr(label.find('=') + 1);
  if (const YamlNode* nodes = map.find("nodes");
      nodes != nullptr && (out.label.empty() || label.find_first_of(" \t,!()") != std::string::npos ||
                           out.value.find('=') != std::string::npos))
    wrong(*nodes, fmt::format("\"nodes\": {} is no label; write KEY=VALUE, or KEY for any value", label));
  const YamlNode& every = map.need("every");
  map.duration("every", out.every);
  if (out.every < Millis{1000}) wrong(every, "\"every\" must be at least 1s");
  if (out.kind == SeededFault::Kind::kNotice) notice_keys(map, out.span, out.grace);
  if (out.kind == SeededFault::Kind::kNotReady) {
    out.span = kNotice;
    map.duration("for", out.span);
  }
  map.finish();
  return out;
}

void cluster(const YamlNode& node, Scenario& out) {
  Map map(node, "cluster");
  for (const YamlNode& item : map.items("nodes"))
    out.nodes.push_back(node_group(item));
  if (const YamlNode* kubelet = map.find("kubelet")) {
    Map inner(*kubelet, "kubelet");
    inner.duration("imagePull", out.times.image_pull);
    inner.duration("warmUp", out.times.warm_up);
    inner.duration("loadPerGiB", out.times.load_per_gib);
    inner.duration("cachedLoadPerGiB", out.times.cached_load_per_gib);
    inner.duration("termination", out.times.termination);
    inner.duration("podGarbageCollection", out.times.pod_gc);
    inner.finish();
  }
  map.finish();
}

Scenario read(const YamlNode& root, const std::string& path) {
  Scenario out{.file = path,
               .times = {.image_pull = Millis{20'000},
                         .warm_up = Millis{15'000},
                         .load_per_gib = Millis{400},
                         .cached_load_per_gib = Millis{100},
                         .termination = Millis{1'000},
                         .node_lifecycle = true}};
  Map map(root, "a scenario");
  if (const YamlNode& version = map.need("apiVersion"); version.text != kApiVersion)
    wrong(version, fmt::format("apiVersion must be {}", kApiVersion));
  if (const YamlNode& kind = map.need("kind"); kind.text != "Scenario") wrong(kind, "kind must be Scenario");
  std::string description;
  map.text("description", description);
  cluster(map.need("cluster"), out);
  for (const YamlNode& item : map.items("faults"))
    out.faults.push_back(fault(item));
  (void)map.need("steps");
  const std::vector<YamlNode>& steps = map.items("steps");
  map.finish();
  for (const YamlNode& item : steps)
    out.steps.push_back(step(item, std::filesystem::path(path).parent_path()));
  return out;
}

}  // namespace

Result<Scenario> read_scenario(const std::string& path) {
  TRY(const std::string text, kube::read_text_file(path, kMostBytes));
  return parse_scenario(text, path);
}

Result<Scenario> parse_scenario(std::string_view text, const std::string& path) {
  const auto root = kube::read_yaml(text);
  if (!root) return fail(Code::kInvalidArgument, fmt::format("{}:{}", path, root.error().message));
  try {
    return read(*root, path);
  } catch (const std::exception& mistake) {
    return fail(Code::kInvalidArgument, fmt::format("{}:{}", path, mistake.what()));
  }
}

}  // namespace stowage::sandbox
