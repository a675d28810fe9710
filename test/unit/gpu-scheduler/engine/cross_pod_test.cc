#include "gpu-scheduler/engine/cross_pod.h"

#include "base/random.h"
#include "test/unit/gpu-scheduler/engine/world.h"

namespace stowage::engine {
namespace {

using namespace test;

/// Random pods and nodes over tiny vocabularies, so that rules meet what they match.
class Chaos {
 public:
  explicit Chaos(uint64_t seed) : random_(seed) {
    for (uint64_t i = 0; i < 8; ++i) {
      auto id = state_.intern(any_class());
      REQUIRE(id);
      classes_.push_back(*id);
    }
    for (const char* name : {"a", "b", "c", "d"})
      change_node(name);
  }

  /// One random event.
  void step() {
    switch (random_.below(10)) {
      case 0:
        change_node(pick({"a", "b", "c", "d", "e"}));
        break;
      case 1:
        if (state_.node_count() > 2) state_.remove_node(pick({"a", "b", "c", "d", "e"}));
        break;
      case 2:
        state_.set_namespace(pick({"x", "y"}), {{"team", pick({"1", "2"})}});
        break;
      case 3:
      case 4:
        if (const auto pod = any_pod()) state_.remove_pod(*pod);
        break;
      case 5:
        if (const auto pod = any_pod()) state_.set_terminating(state_.pod(*pod).uid);
        break;
      case 6:
        // Counters begin to be kept when somebody asks.
        state_.cross_pod().begin(state_, classes_[random_.below(classes_.size())]);
        break;
      default:
        add_pod();
    }
  }

  void add_pod() {
    const auto nodes = state_.nodes_in_order();
    if (nodes.empty()) return;
    const auto added = state_.add_pod({.uid = "u" + std::to_string(next_++),
                                       .pod_class = classes_[random_.below(classes_.size())],
                                       .node = nodes[random_.below(nodes.size())],
                                       .terminating = random_.below(8) == 0});
    REQUIRE(added);
  }

  ClusterState& state() { return state_; }
  Random& random() { return random_; }

 private:
  std::string pick(std::initializer_list<const char*> from) {
    return from.begin()[random_.below(from.size())];
  }

  void change_node(const std::string& name) {
    NodeBuilder node(name);
    if (random_.below(5) != 0) node.spec.labels["zone"] = pick({"z1", "z2", ""});
    if (random_.below(3) != 0) node.spec.labels["rack"] = pick({"r1", "r2"});
    if (random_.below(4) == 0) node.spec.taints.push_back({.key = "t"});
    REQUIRE(state_.upsert_node(std::move(node.spec)));
  }

  std::optional<PodIndex> any_pod() {
    if (state_.pod_limit() == 0) return std::nullopt;
    const auto pod = static_cast<PodIndex>(random_.below(state_.pod_limit()));
    return state_.has_pod(pod) ? std::optional(pod) : std::nullopt;
  }

  PodAffinityTerm any_term() {
    PodAffinityTerm term{.topology_key = pick({"kubernetes.io/hostname", "zone", "rack"})};
    term.label_selector = LabelSelector{.match_labels = {{"app", pick({"p", "q"})}}};
    if (random_.below(3) == 0)
      term.namespace_selector = LabelSelector{.match_labels = {{"team", pick({"1", "2"})}}};
    return term;
  }

  PodClass any_class() {
    PodClass pod;
    pod.name_space = pick({"x", "y"});
    pod.labels["app"] = pick({"p", "q"});
    if (random_.below(3) == 0) pod.required_affinity.push_back(any_term());
    if (random_.below(3) == 0) pod.required_anti_affinity.push_back(any_term());
    if (random_.below(3) == 0) pod.preferred_affinity.push_back({.weight = 7, .term = any_term()});
    if (random_.below(2) == 0) {
      TopologySpreadConstraint spread{.topology_key = pick({"zone", "rack"})};
      spread.label_selector = LabelSelector{.match_labels = {{"app", pick({"p", "q"})}}};
      if (random_.below(2) == 0) spread.node_taints_policy = NodeInclusionPolicy::kHonor;
      if (random_.below(3) == 0) spread.min_domains = 3;
      if (random_.below(4) == 0) spread.when_unsatisfiable = WhenUnsatisfiable::kScheduleAnyway;
      pod.spread_constraints.push_back(std::move(spread));
    }
    return pod;
  }

  Random random_;
  ClusterState state_;
  std::vector<ClassId> classes_;
  int next_ = 0;
};

TEST_CASE("random pods, nodes and namespaces: counters kept are counters counted anew") {
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    Chaos chaos(seed);
    for (int i = 0; i < 60; ++i) {
      chaos.step();
      if (i % 6 != 0) continue;
      INFO("seed " << seed << ", event " << i);
      REQUIRE(chaos.state().cross_pod().consistent_with(chaos.state()));
    }
  }
}

TEST_CASE("random pods placed and rolled back: counters are as before") {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    Chaos chaos(seed);
    for (int i = 0; i < 30; ++i)
      chaos.step();
    const auto point = chaos.state().checkpoint();
    for (int i = 0; i < 10; ++i)
      chaos.add_pod();
    chaos.state().rollback(point);
    INFO("seed " << seed);
    REQUIRE(chaos.state().cross_pod().consistent_with(chaos.state()));
  }
}

TEST_CASE("a fork that goes its own way: both sides count their own pods") {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    Chaos chaos(seed);
    for (int i = 0; i < 30; ++i)
      chaos.step();
    ClusterState fork = chaos.state().fork();
    for (int i = 0; i < 20; ++i)
      chaos.step();
    INFO("seed " << seed);
    REQUIRE(chaos.state().cross_pod().consistent_with(chaos.state()));
    REQUIRE(fork.cross_pod().consistent_with(fork));
  }
}

TEST_CASE(
    "spread of 1 over two zones, one pod in the first: only the second is open, and gets the better score") {
  ClusterState state;
  const NodeIndex a = add(state, NodeBuilder("a").label("zone", "z1"));
  const NodeIndex b = add(state, NodeBuilder("b").label("zone", "z2"));
  PodClass web;
  web.labels["app"] = "web";
  TopologySpreadConstraint spread{.topology_key = "zone"};
  spread.label_selector = LabelSelector{.match_labels = {{"app", "web"}}};
  web.spread_constraints = {spread};
  spread.when_unsatisfiable = WhenUnsatisfiable::kScheduleAnyway;
  web.spread_constraints.push_back(spread);
  const auto id = state.intern(web);
  REQUIRE(id);
  REQUIRE(state.add_pod({.uid = "1", .pod_class = *id, .node = a}));
  const auto query = state.cross_pod().begin(state, *id);
  CHECK(query.check(a) == Reason::kSpread);
  CHECK(query.check(b) == Reason::kNone);
  CHECK(query.score(b) > query.score(a));
}

TEST_CASE("a running pod's preferences draw and push newcomers") {
  ClusterState state;
  const NodeIndex a = add(state, NodeBuilder("a"));
  const NodeIndex b = add(state, NodeBuilder("b"));
  const NodeIndex c = add(state, NodeBuilder("c"));
  PodAffinityTerm to_web{.topology_key = "kubernetes.io/hostname"};
  to_web.label_selector = LabelSelector{.match_labels = {{"app", "web"}}};
  PodClass friendly;
  friendly.preferred_affinity = {{.weight = 10, .term = to_web}};
  PodClass hostile;
  hostile.preferred_anti_affinity = {{.weight = 10, .term = to_web}};
  PodClass web;
  web.labels["app"] = "web";
  REQUIRE(state.add_pod({.uid = "1", .pod_class = *state.intern(friendly), .node = a}));
  REQUIRE(state.add_pod({.uid = "2", .pod_class = *state.intern(hostile), .node = b}));
  const auto id = state.intern(web);
  REQUIRE(id);
  CHECK(state.cross_pod().concerns(state, *id));
  const auto query = state.cross_pod().begin(state, *id);
  CHECK(query.score(a) > query.score(c));
  CHECK(query.score(c) > query.score(b));
}

}  // namespace
}  // namespace stowage::engine
