#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "gpu-scheduler/engine/types.h"
#include "gpu-scheduler/replay/profile_nodes.h"
#include "gpu-scheduler/replay/scenario.h"
#include "gpu-scheduler/replay/yaml_fields.h"
#include "kube/runtime/text_file.h"

/// The file format of scenarios.
namespace stowage::replay {
namespace {

constexpr size_t kMaxBytes = size_t{1} << 20;
constexpr int64_t kMostOfOne = 100'000;
constexpr const char* kGpuResource = "nvidia.com/gpu";

class Reader {
 public:
  Reader(const std::string& file, const std::string& profiles) : file_(file), profiles_(profiles) {}

  Result<Scenario> read(const kube::YamlNode& root) {
    TRY(auto fields, YamlFields::of(file_, root, ""));
    out_.name = std::filesystem::path(file_).stem().string();
    if (const auto* policy = fields.find("policy")) {
      TRY(out_.policy, read_policy_spec(*policy, out_.name, file_));
    } else {
      out_.policy.levels = engine::default_topology_levels();
    }
    TRY(auto nodes, fields.list("nodes"));
    if (nodes.empty()) return fields.wrong("nodes", "want at least one entry");
    for (auto& node : nodes)
      TRY_VOID(add_nodes(node));
    TRY(auto pods, fields.list("pods"));
    if (pods.empty()) return fields.wrong("pods", "want at least one entry");
    for (auto& entry : pods)
      TRY_VOID(add_pods(entry));
    TRY(auto expectations, fields.list("expect"));
    for (auto& entry : expectations)
      TRY_VOID(add_expectation(entry));
    for (const auto& entry : out_.pods)
      out_.until = std::max(out_.until, entry.at);
    for (const auto& entry : out_.expectations)
      out_.until = std::max(out_.until, entry.at);
    const Millis last = out_.until;
    TRY(out_.until, fields.duration("until", last));
    if (out_.until < last) return fields.wrong("until", "is before the last arrival or expectation");
    TRY_VOID(fields.finish());
    return std::move(out_);
  }

 private:
  Result<void> add_nodes(YamlFields& fields) {
    if (fields.find("profile") != nullptr) return add_profile(fields);
    TRY(const auto name, fields.name("name"));
    if (!names_.insert("node " + name).second)
      return fields.wrong("name", fmt::format("\"{}\" comes twice", name));
    TRY(const auto count, fields.integer("count", 1, kMostOfOne, 1));
    engine::NodeSpec spec;
    TRY(spec.allocatable.cpu_milli, fields.quantity_milli("cpu", 64'000));
    TRY(spec.allocatable.memory_bytes, fields.quantity("memory", int64_t{512} << 30));
    TRY(spec.allocatable.pods, fields.integer("podsMax", 0, kMostOfOne, 110));
    TRY(spec.labels, fields.map("labels"));
    engine::AcceleratorSpec gpus{.resource = kGpuResource};
    TRY(const auto devices, fields.integer("gpus", 0, static_cast<int64_t>(engine::kMaxDevices), int64_t{0}));
    gpus.count = static_cast<int32_t>(devices);
    TRY(gpus.product, fields.text("product", ""));
    TRY(gpus.memory_bytes, fields.quantity("gpuMemory", 0));
    TRY(const bool anonymous, fields.flag("wholeOnly"));
    gpus.shareable = !anonymous;
    if (gpus.count > 0) spec.accelerators.push_back(gpus);
    TRY_VOID(fields.finish());
    TRY_VOID(check_total(fields, count));
    for (int64_t i = 0; i < count; ++i) {
      out_.nodes.push_back(spec);
      out_.nodes.back().name = count == 1 ? name : fmt::format("{}-{}", name, i);
      out_.nodes.back().labels.try_emplace("kubernetes.io/hostname", out_.nodes.back().name);
    }
    return {};
  }

  /// `count` nodes of a node profile, from number `first` on.
  Result<void> add_profile(YamlFields& fields) {
    TRY(const auto profile, fields.name("profile"));
    TRY(const auto count, fields.integer("count", 1, kMostOfOne, 1));
    TRY(const auto first, fields.integer("first", 0, kMostOfOne, int64_t{0}));
    TRY_VOID(fields.finish());
    TRY_VOID(check_total(fields, count));
    auto nodes = nodes_of_profile(profiles_, profile, first, count);
    if (!nodes) return fields.wrong("profile", nodes.error().message);
    for (auto& node : *nodes) {
      if (!names_.insert("node " + node.name).second)
        return fields.wrong("profile", fmt::format("node \"{}\" comes twice: give another first", node.name));
      out_.nodes.push_back(std::move(node));
    }
    return {};
  }

  Result<void> check_total(const YamlFields& fields, int64_t more) {
    if (out_.nodes.size() + static_cast<size_t>(more) <= kMostOfOne) return {};
    return fields.wrong("count", fmt::format("more than {} nodes in all", kMostOfOne));
  }

  Result<void> add_pods(YamlFields& fields) {
    ScenarioPods out;
    TRY(out.name, fields.name("name"));
    if (!names_.insert("pods " + out.name).second)
      return fields.wrong("name", fmt::format("\"{}\" comes twice", out.name));
    TRY(out.at, fields.duration("at", Millis{0}));
    TRY(const auto lifetime, fields.duration("lifetime", Millis{-1}));
    if (lifetime >= Millis{0}) out.lifetime = lifetime;
    TRY(const auto count, fields.integer("count", 1, kMostOfOne, 1));
    out.count = static_cast<int32_t>(count);
    TRY(out.gang, fields.flag("gang"));
    TRY(const auto priority, fields.integer("priority", -2'000'000'000, 2'000'000'000, int64_t{0}));
    out.priority = static_cast<int32_t>(priority);
    TRY(out.pod.requests.cpu_milli, fields.quantity_milli("cpu", 0));
    TRY(out.pod.requests.memory_bytes, fields.quantity("memory", 0));
    TRY(const auto gpus, fields.integer("gpus", 0, static_cast<int64_t>(engine::kMaxDevices), int64_t{0}));
    TRY(const auto share, fields.integer("share", 1, engine::kWholeDevice, int64_t{engine::kWholeDevice}));
    if (share < engine::kWholeDevice && gpus != 1) return fields.wrong("share", "goes with gpus: 1 only");
    TRY(const auto products, fields.texts("products"));
    TRY(const auto resource, fields.text("gpuResource", kGpuResource));
    if (gpus > 0) {
      out.pod.device.resource = resource;
      out.pod.device.count = static_cast<int32_t>(gpus);
      out.pod.device.milli = static_cast<int32_t>(share);
      out.pod.device.products = products;
    }
    TRY(const auto selector, fields.map("nodeSelector"));
    out.pod.node_selector = selector;
    TRY(const auto tolerated, fields.texts("tolerates"));
    for (const auto& key : tolerated)
      out.pod.tolerations.push_back({.key = key, .op = engine::TolerationOperator::kExists});
    if (const auto* topology = fields.find("topology")) {
      TRY(out.topology, read_topology(*topology, "pods[].topology"));
      if (!out.gang) return fields.wrong("topology", "goes with gang: true only");
    }
    TRY_VOID(fields.finish());
    out_.pods.push_back(std::move(out));
    return {};
  }

  Result<engine::TopologyRequest> read_topology(const kube::YamlNode& node, const std::string& path) {
    TRY(auto fields, YamlFields::of(file_, node, path));
    engine::TopologyRequest out;
    TRY(out.level, fields.name("level"));
    TRY_VOID(check_level(fields, "level", out.level));
    TRY(const auto mode, fields.text("mode", "Required"));
    if (mode != "Required" && mode != "Preferred")
      return fields.wrong("mode", "must be Required or Preferred");
    out.mode = mode == "Required" ? engine::TopologyRequest::Mode::kRequired
                                  : engine::TopologyRequest::Mode::kPreferred;
    TRY_VOID(fields.finish());
    return out;
  }

  Result<void> check_level(const YamlFields& fields, std::string_view key, const std::string& level) {
    const auto& levels = out_.policy.levels;
    if (std::ranges::find(levels, level, &engine::TopologyLevel::name) != levels.end()) return {};
    std::string known;
    for (const auto& each : levels)
      known += (known.empty() ? "" : ", ") + each.name;
    return fields.wrong(key, fmt::format("\"{}\" is no topology level; known: {}", level, known));
  }

  Result<void> add_expectation(YamlFields& fields) {
    ScenarioExpectation out{.where = fmt::format("{}:{}", file_, fields.line())};
    TRY(out.at, fields.duration("at", Millis{0}));
    TRY(const auto name, fields.name("pods"));
    const auto entry = std::ranges::find(out_.pods, name, &ScenarioPods::name);
    if (entry == out_.pods.end()) return fields.wrong("pods", fmt::format("no entry \"{}\" in pods", name));
    out.pods = static_cast<size_t>(entry - out_.pods.begin());
    TRY(const auto placed, fields.integer("placed", 0, kMostOfOne, int64_t{-1}));
    TRY(const auto waiting, fields.integer("waiting", 0, kMostOfOne, int64_t{-1}));
    if (placed >= 0) out.placed = placed;
    if (waiting >= 0) out.waiting = waiting;
    TRY(out.nodes, fields.texts("nodes"));
    for (const auto& node : out.nodes) {
      if (std::ranges::find(out_.nodes, node, &engine::NodeSpec::name) == out_.nodes.end())
        return fields.wrong("nodes", fmt::format("there is no node \"{}\"", node));
    }
    TRY(out.same_domain, fields.text("sameDomain", ""));
    if (!out.same_domain.empty()) TRY_VOID(check_level(fields, "sameDomain", out.same_domain));
    TRY_VOID(fields.finish());
    out_.expectations.push_back(std::move(out));
    return {};
  }

  const std::string& file_;
  const std::string& profiles_;
  Scenario out_;
  std::set<std::string> names_;
};

}  // namespace

Result<Scenario> read_scenario(std::string_view text, const std::string& file, const std::string& profiles) {
  auto tree = kube::read_yaml(text);
  if (!tree) return fail(tree.error().code, file + ":" + tree.error().message);
  return Reader(file, profiles).read(*tree);
}

Result<Scenario> load_scenario(const std::string& path, const std::string& profiles) {
  TRY(const auto text, kube::read_text_file(path, kMaxBytes));
  return read_scenario(text, path, profiles);
}

}  // namespace stowage::replay
