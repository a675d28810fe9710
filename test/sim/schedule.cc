#include "test/sim/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace stowage::sim {
namespace {

using namespace nlohmann::literals;

constexpr const char* kDeployments = "/apis/stowage.dev/v1alpha1/namespaces/default/modeldeployments";

std::string node(int number, int per_rack) {
  const std::string name = fmt::format("n{}", number);
  return fmt::format(
      R"({{"apiVersion":"v1","kind":"Node","metadata":{{"name":"{}","labels":{{"kubernetes.io/hostname":"{}",)"
      R"("nvidia.com/gpu.product":"NVIDIA-H100-80GB-HBM3","nvidia.com/gpu.memory":"81559","nvidia.com/gpu.count":"8",)"
      R"("network.topology.nvidia.com/leaf":"rack-{}","topology.kubernetes.io/zone":"a"}}}},)"
      R"("status":{{"capacity":{{"cpu":"192","memory":"2000Gi","pods":"110","nvidia.com/gpu":"8"}},)"
      R"("allocatable":{{"cpu":"192","memory":"2000Gi","pods":"110","nvidia.com/gpu":"8"}},)"
      R"("conditions":[{{"type":"Ready","status":"True"}}]}}}})",
      name, name, number / per_rack);
}

/// The user's side of a schedule, drawn from the seed.
class Story {
 public:
  explicit Story(SimWorld& world) : world_(world), random_(world.chance().split()) {}

  void begin() {
    nodes_ = 2 + static_cast<int>(random_.below(5));
    for (int i = 0; i < nodes_; ++i)
      world_.user("POST", "/api/v1/nodes", node(i, 2));
    const int models = 1 + static_cast<int>(random_.below(3));
    for (int i = 0; i < models; ++i)
      create(i);
  }

  void act() {
    const MonoTime now = world_.time().clock().now();
    const auto index = random_.below(models_.size());
    const std::string name = models_[index];
    const std::string path = fmt::format("{}/{}", kDeployments, name);
    switch (random_.below(8)) {
      case 0:
        if (world_.plan().happens("user scales " + name, now))
          patch(path, fmt::format(R"({{"spec":{{"replicas":{}}}}})", random_.below(4)));
        break;
      case 1:
        if (world_.plan().happens("user changes the image of " + name, now)) {
          patch(path, fmt::format(R"({{"spec":{{"runtime":{{"image":"engine:{}"}}}}}})", random_.below(3)));
        }
        break;
      case 2:
        if (world_.plan().happens("user deletes and re-creates " + name, now)) {
          world_.user("DELETE", path);
          create(static_cast<int>(index), true);
        }
        break;
      case 3:
        lose_node(now);
        break;
      case 4:
        if (world_.plan().happens("a node is added", now))
          world_.user("POST", "/api/v1/nodes", node(nodes_++, 2));
        break;
      case 5:
        delete_pod(now);
        break;
      case 6:
        foreign_pod(now);
        break;
      case 7:
        if (world_.plan().happens("user suspends or resumes " + name, now)) {
          patch(path, fmt::format(R"({{"spec":{{"suspend":{}}}}})", random_.below(2) == 0));
        }
        break;
    }
  }

  /// Room for everything (3 models of at most 3 + 1 replicas on two nodes each), and nothing suspended: from
  /// here all must become Ready.
  void make_room() {
    for (int i = 0; i < 30; ++i)
      world_.user("POST", "/api/v1/nodes", node(nodes_++, 2));
    for (const std::string& name : models_) {
      patch(fmt::format("{}/{}", kDeployments, name), R"({"spec":{"suspend":false}})");
    }
  }

  /// Empty when every model is Ready; else the first that is not, and its conditions.
  [[nodiscard]] std::string not_ready() {
    for (const std::string& name : models_) {
      std::string body;
      world_.user("GET", fmt::format("{}/{}", kDeployments, name), "", "", &body);
      const auto object = nlohmann::json::parse(body, nullptr, false);
      if (object.is_discarded()) return name + " cannot be read";
      const auto conditions = object.value("/status/conditions"_json_pointer, nlohmann::json::array());
      const bool ready = std::ranges::any_of(conditions, [](const auto& condition) {
        return condition.value("type", "") == "Ready" && condition.value("status", "") == "True";
      });
      if (!ready) return name + ": " + conditions.dump();
    }
    return {};
  }

 private:
  void patch(const std::string& path, const std::string& body) {
    world_.user("PATCH", path, body, "application/merge-patch+json");
  }

  void create(int index, bool again = false) {
    const std::string name = fmt::format("m{}", index);
    if (!again) models_.push_back(name);
    const bool gang = random_.below(2) == 0;
    const int surge = static_cast<int>(random_.below(2));
    world_.user(
        "POST", kDeployments,
        fmt::format(
            R"({{"apiVersion":"stowage.dev/v1alpha1","kind":"ModelDeployment","metadata":{{"name":"{}"}},)"
            R"("spec":{{"model":{{"uri":"hf://a/b"}},"replicas":{},"parallelism":{{"tensor":{},"pipeline":{}}},)"
            R"("rollout":{{"maxSurge":{},"maxUnavailable":{}}}{}}}}})",
            name, 1 + random_.below(3), gang ? 8 : 1 + random_.below(4), gang ? 2 : 1, surge, 1 - surge,
            gang ? R"(,"placement":{"topology":{"level":"rack","mode":"Required"}})" : ""));
  }

  void lose_node(MonoTime now) {
    const auto number = random_.below(static_cast<uint64_t>(nodes_));
    if (world_.plan().happens(fmt::format("node n{} is lost", number), now)) {
      world_.user("DELETE", fmt::format("/api/v1/nodes/n{}", number));
    }
  }

  void delete_pod(MonoTime now) {
    const auto& pods = world_.checker().pods();
    if (pods.empty()) return;
    std::vector<std::string> names;
    for (const auto& [uid, pod] : pods)
      names.push_back(pod.meta.ns + "/pods/" + pod.meta.name);
    std::ranges::sort(names);
    const std::string name = names[random_.below(names.size())];
    if (world_.plan().happens("user deletes " + name, now))
      world_.user("DELETE", "/api/v1/namespaces/" + name);
  }

  void foreign_pod(MonoTime now) {
    const auto number = random_.below(static_cast<uint64_t>(nodes_));
    if (!world_.plan().happens(fmt::format("a foreign pod takes GPUs of n{}", number), now)) return;
    world_.user(
        "POST", "/api/v1/namespaces/default/pods",
        fmt::format(
            R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"foreign-{}"}},"spec":{{"nodeName":"n{}",)"
            R"("containers":[{{"name":"c","image":"i","resources":{{"requests":{{"nvidia.com/gpu":"2"}},)"
            R"("limits":{{"nvidia.com/gpu":"2"}}}}}}]}}}})",
            foreign_++, number));
  }

  SimWorld& world_;
  Random random_;
  int nodes_ = 0;
  int foreign_ = 0;
  std::vector<std::string> models_;
};

}  // namespace

Outcome play(const SimOptions& options, const std::vector<Role>& roles,
             const std::vector<std::string>& manifests) {
  SimWorld world(options, roles, manifests);
  Story story(world);
  story.begin();
  std::vector<Violation> extra;
  for (int i = 0; i < 6; ++i) {
    world.run_for(Millis{1000 + static_cast<int64_t>(world.chance().below(20'000))});
    story.act();
  }
  world.run_for(Millis{20'000});
  world.calm();
  story.make_room();
  if (!world.run_until([&] { return story.not_ready().empty(); }, Millis{600'000})) {
    extra.push_back(
        {.invariant = "I13", .what = "ten minutes after the faults have ended: " + story.not_ready()});
  } else {
    // Lists of a slow watch, events and statuses that are held back for 30 s: then silence.
    world.run_for(Millis{120'000});
    world.checker().at_rest(world.time().clock().wall());
    world.checker().expect_silence(true);
    world.run_for(Millis{300'000});
    world.checker().expect_silence(false);
  }
  world.stop();
  Outcome outcome{.seed = options.seed,
                  .violations = world.checker().violations(),
                  .faults = world.plan().faults(),
                  .writes = world.checker().writes()};
  outcome.violations.insert(outcome.violations.end(), extra.begin(), extra.end());
  if (!outcome.violations.empty()) outcome.logs = world.logs();
  return outcome;
}

std::vector<size_t> shrink(SimOptions options, const std::vector<Role>& roles,
                           const std::vector<std::string>& manifests, const Outcome& failing, int most_runs) {
  const std::string invariant = failing.violations.front().invariant;
  std::vector<size_t> kept;
  for (const Fault& fault : failing.faults)
    kept.push_back(fault.number);
  const auto fails_with = [&](const std::vector<size_t>& on) {
    options.off.clear();
    const std::set<size_t> wanted(on.begin(), on.end());
    // Numbers beyond those of the first run appear when the schedule takes another turn: they stay off too.
    for (size_t number = 0; number < failing.faults.size() * 4 + 100; ++number) {
      if (!wanted.contains(number)) options.off.insert(number);
    }
    const Outcome outcome = play(options, roles, manifests);
    return std::ranges::any_of(outcome.violations, [&](const auto& v) { return v.invariant == invariant; });
  };
  for (size_t chunk = std::max<size_t>(1, kept.size() / 2); most_runs > 0 && !kept.empty();) {
    bool smaller = false;
    for (size_t start = 0; start < kept.size() && most_runs > 0;) {
      std::vector<size_t> without = kept;
      const auto from = without.begin() + static_cast<std::ptrdiff_t>(start);
      without.erase(from, from + static_cast<std::ptrdiff_t>(std::min(chunk, kept.size() - start)));
      --most_runs;
      if (fails_with(without)) {
        kept = std::move(without);
        smaller = true;
      } else {
        start += chunk;
      }
    }
    if (chunk == 1 && !smaller) break;
    if (!smaller) chunk = std::max<size_t>(1, chunk / 2);
  }
  return kept;
}

}  // namespace stowage::sim
