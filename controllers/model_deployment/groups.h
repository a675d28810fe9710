#pragma once

#include <map>
#include <vector>

#include "controllers/model_deployment/decide.h"

namespace stowage::model_deployment {

/// The live pods of one attempt of one replica.
struct Group {
  int32_t replica = 0;
  int32_t attempt = 0;
  int32_t size = 0;  ///< Pods it should have.
  std::string revision;
  std::vector<const Member*> pods;  ///< By rank; never terminating.
  std::vector<int32_t> missing;     ///< Ranks without a live pod.
  bool has_terminating = false;     ///< Somebody deletes one of its pods.
  WallTime created = {};            ///< Of its oldest pod.

  [[nodiscard]] bool ready() const;
  [[nodiscard]] bool placed() const;
  /// Some of its pods are bound and others are not.
  [[nodiscard]] bool half_bound() const;
  /// Why it cannot go on as it is; kNone for a group that is whole or may still be completed.
  [[nodiscard]] GroupEnd end() const;
};

struct Grouped {
  std::map<int32_t, std::vector<Group>> by_replica;  ///< Attempts in rising order.
  std::map<int32_t, int32_t> last_attempt;           ///< Highest attempt of any pod, whoever owns it.
  std::vector<const Member*> strays;                 ///< Ours, live, and no member: relabelled by somebody.
};

/// Pods of other owners count only for the names they hold.
Grouped group_members(const World& world);

}  // namespace stowage::model_deployment
