#pragma once

#include <string>
#include <vector>

#include "base/random.h"
#include "test/sim/sim_world.h"

namespace stowage::sim {

/// The user's and the cluster's side of a schedule, drawn from the seed.
class Story {
 public:
  explicit Story(SimWorld& world) : world_(world), random_(world.chance().split()) {}

  /// A small cluster and a few models.
  void begin();
  /// One thing happens: see the list in story.cc.
  void act();
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
  [[nodiscard]] std::string random_pod(bool waiting);
  /// What an earlier act took away whole comes back.
  void restore();

  SimWorld& world_;
  Random random_;
  int nodes_ = 0;
  int strangers_ = 0;
  int turn_ = 0;
  std::vector<Model> models_;
};

}  // namespace stowage::sim
