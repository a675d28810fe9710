#pragma once

#include <string>
#include <vector>

#include "base/random.h"
#include "test/sim/sim_world.h"

namespace stowage::sim {

/// The user's and the cluster's side of a schedule, drawn from the seed.
class Story {
 public:
  explicit Story(SimWorld& world)
      : world_(world), random_(world.chance().split()), more_(world.seed() * 3 + 1) {}

  /// A small cluster and a few models.
  void begin();
  /// One thing happens: see the list in story.cc.
  void act();
  /// What was to happen after a while: a node that was given notice goes.
  void follow_up();
  /// Room for everything, every node healthy, nothing suspended: from here all must become Ready.
  void make_room();
  /// Empty when every model is as it should be; else the first that is not, and its conditions.
  [[nodiscard]] std::string not_ready() const;

 private:
  struct Model {
    std::string name;
    int nodes = 1;
    int replicas = 1;
    bool crashes = false;  ///< Fails shortly after each start: must end Stalled.
    std::string json;
  };
  bool happens(const std::string& what);
  void patch(const std::string& path, const std::string& body);
  std::string make_model(Model& model);
  void create(Model& model);
  void add_node();
  void change_model(uint64_t kind, Model& model);
  void change_node(uint64_t kind);
  void change_pod(uint64_t kind);
  void change_server(uint64_t kind);
  void foreign_pod();
  void act_more();
  void take_name(const Model& model, uint64_t draw);
  void give_notice(uint64_t draw);
  [[nodiscard]] std::string some_pod(uint64_t draw) const;
  bool happens_more(const std::string& what);
  [[nodiscard]] std::string random_pod(bool waiting);
  /// What an earlier act took away whole comes back.
  void restore();

  SimWorld& world_;
  Random random_;
  Random more_;  ///< For what was added later: what was drawn before stays, and stored schedules with it.
  int nodes_ = 0;
  int strangers_ = 0;
  int turn_ = 0;
  std::vector<std::pair<MonoTime, std::string>> losses_;  ///< Nodes that were given notice.
  std::vector<Model> models_;
};

}  // namespace stowage::sim
